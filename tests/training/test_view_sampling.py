import math

import pytest
import torch

from shelfnet.config.render import ViewPrior
from shelfnet.training.view_sampling import prior_views, sample_hypothesis


def test_prior_views_fill_their_range():
    azimuth, elevation = prior_views(ViewPrior(), torch.rand(4000, 2, generator=torch.Generator().manual_seed(0)))
    assert azimuth.min() < -3.1 and azimuth.max() > 3.1 and azimuth.abs().max() <= math.pi + 1e-5
    assert math.radians(-5) <= elevation.min() and elevation.max() <= math.radians(30)
    assert azimuth.mean().abs() < 0.1 and elevation.mean().item() == pytest.approx(math.radians(12.5), abs=0.02)


def test_hypotheses_are_drawn_in_proportion_to_their_weights():
    weights = torch.tensor([0.7, 0.0, 0.3])
    uniform = torch.rand(4000, 3, generator=torch.Generator().manual_seed(0))
    drawn = sample_hypothesis(weights.expand(4000, 3), uniform)
    frequency = torch.bincount(drawn, minlength=3) / 4000
    assert frequency[1] == 0 and torch.allclose(frequency, weights, atol=0.03)


def test_zero_random_number_does_not_draw_a_hypothesis_without_weight():
    assert sample_hypothesis(torch.tensor([[0.0, 1.0]]), torch.tensor([[0.0, 0.9]])).tolist() == [1]
