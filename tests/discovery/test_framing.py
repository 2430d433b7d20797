"""Framing is removed from images, and views are found in images that are framed at random."""

import math

import numpy as np
import pytest
import torch
from known_chair import RENDER, SMALL, median_azimuth_error_deg
from torch.nn import functional

from shelfnet.discovery import expectation_maximisation as em
from shelfnet.discovery.framing import Framing, mask_moments
from shelfnet.discovery.image_pyramid import ImagePyramid


def disc(x: float, y: float, radius: float, size: int = 64) -> torch.Tensor:
    """Mask of a disc in an image from -1 to 1."""
    position = (2.0 * torch.arange(size) + 1.0) / size - 1.0
    return ((position[:, None] - y).square() + (position - x).square() < radius**2).float()


def framed_at_random(rgba: np.ndarray) -> np.ndarray:
    """The images, moved by up to a tenth and scaled by up to a fifth."""
    generator = torch.Generator().manual_seed(0)
    uniform = 2.0 * torch.rand(3, len(rgba), generator=generator) - 1.0
    theta = torch.zeros(len(rgba), 2, 3)
    theta[:, 0, 0] = theta[:, 1, 1] = 1.0 + 0.2 * uniform[0]
    theta[:, :, 2] = 0.2 * uniform[1:].T
    images = torch.from_numpy(rgba).permute(0, 3, 1, 2).float()
    grid = functional.affine_grid(theta, list(images.shape), align_corners=False)
    moved = functional.grid_sample(images, grid, align_corners=False)
    return moved.round().byte().permute(0, 2, 3, 1).numpy()


def test_moments_of_discs():
    x, y, radius = mask_moments(torch.stack([disc(0.25, -0.1, 0.4), disc(0.0, 0.0, 0.8)]))
    torch.testing.assert_close(x, torch.tensor([0.25, 0.0]), atol=5e-3, rtol=0)
    torch.testing.assert_close(y, torch.tensor([-0.1, 0.0]), atol=5e-3, rtol=0)
    torch.testing.assert_close(radius, torch.tensor([0.4, 0.8]) / math.sqrt(2.0), atol=5e-3, rtol=0)


def test_aligned_objects_are_equal():
    masks = torch.stack([disc(0.2, -0.1, 0.4), disc(-0.1, 0.3, 0.6), disc(0.0, 0.0, 0.5)])
    images = torch.cat([(1.0 - 0.5 * masks)[:, None].repeat(1, 3, 1, 1), masks[:, None]], dim=1)
    aligned = Framing(0.1, 0.05, 0.5 / math.sqrt(2.0)).align(images)
    expected = disc(0.1, 0.05, 0.5)
    assert (aligned[:, 3] - expected).abs().mean() < 0.01
    assert (aligned[:, :3] - (1.0 - 0.5 * expected)).abs().mean() < 0.01


def test_mean_framing_of_chunks():
    framing = Framing.mean_of([disc(0.2, 0.0, 0.4)[None], disc(-0.2, 0.1, 0.6)[None]])
    assert framing.x == pytest.approx(0.0, abs=5e-3)
    assert framing.y == pytest.approx(0.05, abs=5e-3)
    assert framing.radius == pytest.approx(0.5 / math.sqrt(2.0), abs=5e-3)


def test_empty_masks_stay_empty():
    empty = torch.cat([torch.ones(1, 3, 8, 8), torch.zeros(1, 1, 8, 8)], dim=1)
    torch.testing.assert_close(Framing(0.0, 0.0, 0.4).align(empty), empty)


def test_gradients_reach_the_images():
    images = torch.rand(2, 4, 16, 16, requires_grad=True)
    Framing(0.0, 0.0, 0.5).align(images).sum().backward()
    assert images.grad is not None
    assert (images.grad[:, 3].sum(dim=(1, 2)) > 0).all()


def test_views_in_images_framed_at_random(chair_views):
    rgba, true_azimuth = framed_at_random(chair_views[0]), chair_views[1]
    errors = {}
    for align in (False, True):
        images = ImagePyramid(rgba, np.arange(len(rgba)), em.pyramid_sizes(SMALL), torch.device("cpu"), align=align)
        found = em.discover(images, SMALL, RENDER, "chairs")
        errors[align] = median_azimuth_error_deg(found.grid.azimuth[found.views.argmax(dim=1)], true_azimuth)
    assert errors[True] < 12.0
    assert errors[True] < errors[False]
