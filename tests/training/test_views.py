"""Views: the prior's range, and hypotheses weighed by what they explain."""

import math

import pytest
import torch

from shelfnet.config.render import ViewPrior
from shelfnet.networks.encoder import Encoding
from shelfnet.training import views
from shelfnet.training.learner import build_learner
from shelfnet.training.views import choose_view, prior_views


def test_prior_views_fill_their_range():
    azimuth, elevation = prior_views(ViewPrior(), torch.rand(4000, 2, generator=torch.Generator().manual_seed(0)))
    assert azimuth.min() < -3.1 and azimuth.max() > 3.1 and azimuth.abs().max() <= math.pi + 1e-5
    assert math.radians(-5) <= elevation.min() and elevation.max() <= math.radians(30)
    assert azimuth.mean().abs() < 0.1 and elevation.mean().item() == pytest.approx(math.radians(12.5), abs=0.02)


def test_the_hypothesis_that_explains_the_image_is_credible(learner, store):
    """The image is replaced by a render of one hypothesis: that hypothesis must win."""
    batch = store.draw(2, learner.rng)
    encoding = learner.model.encode(batch.images)
    logits = torch.zeros(2, 1, 8, 8, 8)
    logits[..., 2:6, 1:7, 5:] = 1.0
    from shelfnet.representations.voxels import VoxelField

    field = VoxelField(logits, torch.randn(2, 4, 4, 4, 4, generator=torch.Generator().manual_seed(0)))
    with torch.no_grad():
        shown = learner.model.render(field, encoding.view_azimuths[:, 2], encoding.view_elevations[:, 2])
    posed = type(batch)(batch.images, shown.image, shown.mask, batch.captions)
    chosen = choose_view(learner.model, field, encoding, posed, learner.config, learner.uniform(2, 3))
    assert chosen.hypothesis_weights.argmax(dim=1).tolist() == [2, 2]
    assert torch.allclose(chosen.hypothesis_weights.sum(dim=1), torch.ones(2))
    assert not chosen.hypothesis_weights.requires_grad


def test_hypotheses_are_drawn_by_their_credibility(tiny, store, monkeypatch):
    learner = build_learner(tiny({"train": {"batch_size": 4000}}), 0, torch.device("cpu"))
    hypothesis_weights = torch.tensor([0.7, 0.0, 0.3])
    losses = -learner.config.model.encoder.hypothesis_temperature * torch.log(hypothesis_weights)
    monkeypatch.setattr(views, "hypothesis_losses", lambda *_, **__: losses.expand(4000, 3))
    angles = torch.zeros(4000, 3)
    encoding, batch = Encoding(angles, angles, angles, angles), store.draw(2, learner.rng)
    field = learner.model.decode(torch.zeros(1, 8))
    chosen = choose_view(learner.model, field, encoding, batch, learner.config, learner.uniform(4000, 3)).index
    shares = torch.bincount(chosen, minlength=3) / 4000
    assert shares[1] == 0 and torch.allclose(shares, hypothesis_weights, atol=0.03)


def test_the_classifier_s_view_is_the_most_probable_hypothesis():
    angles = torch.tensor([[0.1, 0.2], [0.3, 0.4]])
    encoding = Encoding(torch.zeros(2, 3), angles, -angles, torch.tensor([[0.0, 1.0], [1.0, 0.0]]))
    assert encoding.azimuth.tolist() == pytest.approx([0.2, 0.3])
    assert encoding.elevation.tolist() == pytest.approx([-0.2, -0.3])
