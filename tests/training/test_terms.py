"""Health figures: the spread of predicted azimuths, comparable with that of the prior at any size of the batch."""

import math

import pytest
import torch

from shelfnet.config.render import ViewPrior
from shelfnet.training.learner import build_learner
from shelfnet.training.phases import generator_phase
from shelfnet.training.sight import look
from shelfnet.training.terms import azimuth_spread, health, prior_azimuth_spread
from shelfnet.training.views import prior_views

SPREADS = ("health/azimuth_spread", "health/azimuth_spread_prior")


def test_the_spread_is_the_mean_over_pairs():
    azimuth = 6.0 * torch.rand(7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    pairs = [1.0 - math.cos(a - b) for i, a in enumerate(azimuth) for j, b in enumerate(azimuth) if i != j]
    assert azimuth_spread(azimuth).item() == pytest.approx(sum(pairs) / len(pairs), abs=1e-12)


@pytest.mark.parametrize(
    ("azimuth_deg", "expected"), [([30.0] * 5, 0.0), ([-180.0, 180.0], 0.0), ([0.0, 180.0], 2.0), ([0.0, 90.0], 1.0)]
)
def test_spreads_known_by_hand(azimuth_deg, expected):
    spread = azimuth_spread(torch.deg2rad(torch.tensor(azimuth_deg, dtype=torch.float64)))
    assert spread.item() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("low_deg", "high_deg"), [(-180.0, 180.0), (-45.0, 45.0), (10.0, 40.0), (-180.0, 90.0)])
@pytest.mark.parametrize("images", [2, 8, 32])
def test_small_batches_from_the_prior_spread_as_the_prior_does(low_deg, high_deg, images):
    prior = ViewPrior(azimuth_min_deg=low_deg, azimuth_max_deg=high_deg)
    uniform = torch.rand(4000, images, 2, generator=torch.Generator().manual_seed(images))
    spreads = torch.stack([azimuth_spread(prior_views(prior, batch)[0]) for batch in uniform])
    standard_error = spreads.std().item() / math.sqrt(len(spreads))
    assert abs(spreads.mean().item() - prior_azimuth_spread(prior)) < 4.0 * standard_error + 1e-5


def test_views_from_all_around_spread_by_one_and_from_one_place_by_nothing():
    assert prior_azimuth_spread(ViewPrior()) == pytest.approx(1.0)
    assert prior_azimuth_spread(ViewPrior(azimuth_min_deg=20.0, azimuth_max_deg=20.01)) == pytest.approx(0.0, abs=1e-7)


def test_the_spread_of_the_predicted_views_stands_beside_that_of_the_prior(tiny, store):
    prior = {"azimuth_min_deg": -60.0, "azimuth_max_deg": 60.0}
    learner = build_learner(tiny({"render": {"prior": prior}}), 0, torch.device("cpu"))
    seen = look(learner, store.draw(4, learner.rng))
    signs = health(learner, seen)
    spread, of_prior = (signs[name] for name in SPREADS)
    assert spread.item() == pytest.approx(azimuth_spread(seen.azimuth[:4]).item())
    assert of_prior.item() == pytest.approx(prior_azimuth_spread(learner.config.render.prior))
    assert all(sign.shape == () and sign.dtype == torch.float32 and not sign.requires_grad for sign in signs.values())


def test_one_image_has_no_spread_and_every_term_is_finite(learner, store):
    _, terms = generator_phase(learner, store.draw(1, learner.rng))
    assert not terms.keys() & {*SPREADS, "health/latent_deviation"}
    assert all(math.isfinite(value) for value in terms.values())
