import math

import pytest
import torch

from shelfnet.config.render import ViewPrior
from shelfnet.discovery.view_grid import build_view_grid

CPU = torch.device("cpu")


def test_default_prior():
    grid = build_view_grid(ViewPrior(), 15.0, 17.5, CPU)
    assert (len(grid.azimuths), len(grid.elevations), grid.size, grid.wraps) == (24, 2, 48, True)
    torch.testing.assert_close(torch.rad2deg(grid.elevations), torch.tensor([3.75, 21.25]))
    assert torch.rad2deg(grid.azimuth[:3]).tolist() == pytest.approx([-172.5, -172.5, -157.5], abs=1e-3)


def test_spacing_is_at_most_the_step():
    prior = ViewPrior(azimuth_min_deg=-60, azimuth_max_deg=60, elevation_min_deg=10, elevation_max_deg=10)
    grid = build_view_grid(prior, 50.0, 17.5, CPU)
    assert torch.rad2deg(grid.azimuths).tolist() == pytest.approx([-40.0, 0.0, 40.0], abs=1e-3)
    assert torch.rad2deg(grid.elevations).tolist() == pytest.approx([10.0])
    assert not grid.wraps


def test_mirrored_view():
    grid = build_view_grid(ViewPrior(), 30.0, 17.5, CPU)
    mirrored = grid.mirrored()
    torch.testing.assert_close(grid.azimuth[mirrored], -grid.azimuth)
    torch.testing.assert_close(grid.elevation[mirrored], grid.elevation)


def test_cameras_look_from_their_views():
    grid = build_view_grid(ViewPrior(), 90.0, 40.0, CPU)
    centres = grid.cameras(2.0)[:, :3, 3]
    torch.testing.assert_close(torch.atan2(centres[:, 0], centres[:, 2]), grid.azimuth)
    torch.testing.assert_close(centres.norm(dim=1), torch.full((4,), 2.0))
    assert math.isclose(math.degrees(math.asin(centres[0, 1] / 2.0)), 12.5, abs_tol=1e-3)
