"""Health figures, in particular the azimuth spread, which compares with that of the prior at any batch size."""

import math

import pytest
import torch
from tiny_training import build_run

from shelfnet.config.render import ViewPrior
from shelfnet.training.generator_step import forward_generator, generator_step
from shelfnet.training.health import azimuth_spread, health_figures, prior_azimuth_spread
from shelfnet.training.view_sampling import prior_views

SPREADS = {"health/azimuth_spread", "health/azimuth_spread_prior"}


def test_spread_is_the_mean_over_pairs():
    azimuth = 6.0 * torch.rand(7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    pairs = [1.0 - math.cos(a - b) for i, a in enumerate(azimuth) for j, b in enumerate(azimuth) if i != j]
    assert azimuth_spread(azimuth).item() == pytest.approx(sum(pairs) / len(pairs), abs=1e-12)


@pytest.mark.parametrize(
    ("azimuth_deg", "expected"), [([30.0] * 5, 0.0), ([-180.0, 180.0], 0.0), ([0.0, 180.0], 2.0), ([0.0, 90.0], 1.0)]
)
def test_spread_of_known_azimuths(azimuth_deg, expected):
    spread = azimuth_spread(torch.deg2rad(torch.tensor(azimuth_deg, dtype=torch.float64)))
    assert spread.item() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("low_deg", "high_deg"), [(-180.0, 180.0), (-45.0, 45.0), (10.0, 40.0), (-180.0, 90.0)])
@pytest.mark.parametrize("images", [2, 8, 32])
def test_batches_from_the_prior_have_its_spread(low_deg, high_deg, images):
    prior = ViewPrior(azimuth_min_deg=low_deg, azimuth_max_deg=high_deg)
    uniform = torch.rand(4000, images, 2, generator=torch.Generator().manual_seed(images))
    spreads = torch.stack([azimuth_spread(prior_views(prior, batch)[0]) for batch in uniform])
    standard_error = spreads.std().item() / math.sqrt(len(spreads))
    assert abs(spreads.mean().item() - prior_azimuth_spread(prior)) < 4.0 * standard_error + 1e-5


def test_prior_spread_of_full_circle_is_one_and_of_one_azimuth_zero():
    assert prior_azimuth_spread(ViewPrior()) == pytest.approx(1.0)
    assert prior_azimuth_spread(ViewPrior(azimuth_min_deg=20.0, azimuth_max_deg=20.01)) == pytest.approx(0.0, abs=1e-7)


def test_figures_are_those_of_the_batch_and_the_prior(tiny, store):
    prior = {"azimuth_min_deg": -60.0, "azimuth_max_deg": 60.0}
    state, context = build_run(tiny({"render": {"prior": prior}}))
    batch, prior = store.draw(4, state.rng), context.settings.render.prior
    with torch.no_grad():
        forward = forward_generator(state, context, batch)
    latent, azimuth, mask = forward.encoding.latent, forward.azimuth[:4], forward.at_novel_view.mask
    figures = health_figures(latent, azimuth, mask, prior)
    assert {name: figure.item() for name, figure in figures.items()} == pytest.approx(
        {
            "health/mask_coverage": mask.mean().item(),
            "health/azimuth_spread": azimuth_spread(azimuth).item(),
            "health/azimuth_spread_prior": prior_azimuth_spread(prior),
            "health/latent_deviation": latent.std(dim=0).mean().item(),
        }
    )


def test_step_reports_detached_float32_figures_of_the_predicted_views(tiny, store):
    """The figures take the views of the images; the views from the prior follow them in the same tensor."""
    state, context = build_run(tiny())
    batch = store.draw(4, state.rng)
    before = state.rng.get_state()
    azimuth = forward_generator(state, context, batch).azimuth
    state.rng.set_state(before)
    terms, _ = generator_step(state, context, batch)
    figures = {name: value for name, value in terms.items() if name.startswith("health/")}
    assert figures["health/azimuth_spread"].item() == pytest.approx(azimuth_spread(azimuth[:4]).item())
    assert set(figures) > SPREADS
    assert all(f.shape == () and f.dtype == torch.float32 and not f.requires_grad for f in figures.values())


def test_batch_of_one_image_has_no_spread_and_finite_terms(run, store):
    terms, _ = generator_step(*run, store.draw(1, run.state.rng))
    assert not terms.keys() & {*SPREADS, "health/latent_deviation"}
    assert all(math.isfinite(value) for value in terms.values())
