"""Images of a known shape from known views."""

import math

import numpy as np
import torch

from shelfnet.config.discovery import DiscoverySettings
from shelfnet.config.render import RenderSettings
from shelfnet.geometry.cameras import look_at_origin
from shelfnet.renderer.volume import render_features
from shelfnet.representations.voxels import VoxelField

RENDER = RenderSettings(resolution_px=32)
SMALL = DiscoverySettings(
    shapes=2, grid_resolution=12, image_px=16, azimuth_step_deg=30, first_steps=50, rounds=2, steps_per_round=10
)


def chair() -> VoxelField:
    """A seat with a back, blue in front and red behind, symmetric in x."""
    occupancy, colours = torch.zeros(1, 1, 16, 16, 16), torch.zeros(1, 3, 16, 16, 16)
    occupancy[..., 3:13, 4:8, 3:13] = 1.0  # seat
    occupancy[..., 3:5, 8:15, 3:13] = 1.0  # back, at negative z
    colours[:, 2] = 0.9
    colours[:, :, :5] = torch.tensor([0.9, 0.1, 0.1]).view(1, 3, 1, 1, 1)
    return VoxelField(occupancy, colours)


def chair_views():
    """RGBA images of the chair, with azimuths and elevations in radians."""
    generator = torch.Generator().manual_seed(0)
    azimuth = (torch.rand(160, generator=generator) * 2 - 1) * math.pi
    elevation = torch.deg2rad(-5 + 35 * torch.rand(160, generator=generator))
    cameras = look_at_origin(azimuth, elevation, RENDER.camera_distance)
    rendered = render_features(chair(), cameras, math.radians(RENDER.fov_deg), 32, 32, views_per_object=160)
    rgba = torch.cat([rendered.features.clamp(0, 1), rendered.mask[..., None].clamp(0, 1)], dim=-1)
    return (255 * rgba).round().byte().numpy(), azimuth, elevation


def median_azimuth_error_deg(predicted: torch.Tensor, true: torch.Tensor) -> float:
    """Median error in degrees after the best rotation of all predictions."""
    difference = predicted.double().numpy() - true.double().numpy()
    offsets = np.radians(np.arange(0.0, 360.0, 2.0))[:, None]
    errors = np.abs(np.angle(np.exp(1j * (difference - offsets))))
    return float(np.degrees(np.median(errors, axis=1).min()))
