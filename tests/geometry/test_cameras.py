"""Camera convention, projection and rays."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfnet.geometry.cameras import camera_rays, focal_px, look_at_origin, project, rotation_about_y, wrap_angle

FOV = math.radians(35.0)
angles = st.floats(-3.1, 3.1)
elevations = st.floats(-1.4, 1.4)


def camera(azimuth: float, elevation: float) -> torch.Tensor:
    angles = torch.tensor([[azimuth], [elevation]], dtype=torch.float64)
    return look_at_origin(*angles, 2.6)


@settings(deadline=None)
@given(angles, elevations)
def test_look_at_origin_is_a_rotation_towards_the_origin(azimuth, elevation):
    cam2world = camera(azimuth, elevation)[0]
    rotation = cam2world[:3, :3]
    assert torch.allclose(rotation @ rotation.T, torch.eye(3).double(), atol=1e-12)
    assert torch.det(rotation).item() == pytest.approx(1.0)
    assert torch.allclose(cam2world[:3, 3] + 2.6 * rotation[:, 2], torch.zeros(3).double(), atol=1e-12)


@pytest.mark.parametrize(
    ("azimuth_deg", "elevation_deg", "position"),
    [(0, 0, (0, 0, 2.6)), (90, 0, (2.6, 0, 0)), (0, 90 - 1e-9, (0, 2.6, 0)), (180, 0, (0, 0, -2.6))],
)
def test_camera_positions_follow_azimuth_and_elevation(azimuth_deg, elevation_deg, position):
    cam2world = camera(math.radians(azimuth_deg), math.radians(elevation_deg))
    assert np.allclose(cam2world[0, :3, 3].numpy(), position, atol=1e-7)


def test_front_view_has_x_right_and_y_up():
    points = torch.tensor([[[0.3, 0.0, 0.0], [0.0, 0.3, 0.0]]]).double()
    (right, up), _ = project(points, camera(0.0, 0.0), FOV, 64)[0][0], None
    assert right[0] > 32 and right[1] == pytest.approx(32.0)
    assert up[0] == pytest.approx(32.0) and up[1] < 32


@settings(deadline=None)
@given(angles, elevations)
def test_camera_rays_project_to_pixel_centres(azimuth, elevation):
    cam2world = camera(azimuth, elevation)
    origins, directions = camera_rays(cam2world, FOV, 8)
    points = (origins[:, None, None] + 2.0 * directions).flatten(1, 2)
    pixels, depth = project(points, cam2world, FOV, 8)
    y, x = torch.meshgrid(torch.arange(8) + 0.5, torch.arange(8) + 0.5, indexing="ij")
    assert torch.allclose(pixels[0], torch.stack([x, y], dim=-1).reshape(-1, 2).double(), atol=1e-9)
    assert (depth > 0).all()


def test_focal_length_matches_the_field_of_view():
    assert 32 / focal_px(FOV, 64) == pytest.approx(math.tan(FOV / 2))


@settings(deadline=None)
@given(angles, angles)
def test_rotation_about_y_increases_the_azimuth(angle, azimuth):
    point = camera(azimuth, 0.0)[0, :3, 3]
    turned = rotation_about_y(torch.tensor(angle, dtype=torch.float64)) @ point
    assert wrap_angle(torch.atan2(turned[0], turned[2]) - azimuth - angle).abs() < 1e-9
