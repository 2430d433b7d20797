import math

import pytest
import torch

from shelfnet.config.render import ViewPrior
from shelfnet.discovery.summary import summarise_views
from shelfnet.discovery.view_grid import build_view_grid

GRID = build_view_grid(ViewPrior(), 15.0, 17.5, torch.device("cpu"))


def posterior(**azimuths_deg: float) -> torch.Tensor:
    """Posterior with the given probabilities at azimuths named ``a<degrees>`` and the lower elevation."""
    probabilities = torch.zeros(1, GRID.size)
    for name, probability in azimuths_deg.items():
        wanted = math.radians(float(name[1:].replace("m", "-").replace("_", ".")))
        probabilities[0, 2 * int((GRID.azimuths - wanted).abs().argmin())] = probability
    return probabilities


def test_certain_view():
    summary = summarise_views(posterior(a7_5=1.0), GRID)
    assert math.degrees(summary.azimuth) == pytest.approx(7.5, abs=1e-3)
    assert math.degrees(summary.elevation) == pytest.approx(3.75, abs=1e-3)
    assert math.degrees(summary.spread) == pytest.approx(0.0, abs=0.1)
    assert summary.entropy.item() == pytest.approx(0.0, abs=1e-6)


def test_azimuth_lies_between_neighbours():
    summary = summarise_views(posterior(a7_5=0.5, a22_5=0.5), GRID)
    assert math.degrees(summary.azimuth) == pytest.approx(15.0, abs=1e-3)
    assert summary.entropy.item() == pytest.approx(math.log(2), abs=1e-5)


def test_neighbours_wrap_around():
    summary = summarise_views(posterior(am172_5=0.5, a172_5=0.5), GRID)
    assert abs(math.degrees(summary.azimuth)) == pytest.approx(180.0, abs=1e-3)


def test_opposite_azimuths_are_not_averaged():
    summary = summarise_views(posterior(a7_5=0.6, am172_5=0.4), GRID)
    assert math.degrees(summary.azimuth) == pytest.approx(7.5, abs=1e-3)
    assert math.degrees(summary.spread) > 90.0


def test_uniform_posterior():
    summary = summarise_views(torch.full((1, GRID.size), 1 / GRID.size), GRID)
    assert math.degrees(summary.spread) == pytest.approx(180.0)
    assert summary.entropy.item() == pytest.approx(math.log(GRID.size), abs=1e-5)
