"""Pillow's resizing: its bytes to the last bit, and the gradient of the arithmetic behind them."""

import numpy as np
import PIL
import pytest
import torch
from PIL import Image
from torch.nn import functional

from shelfnet.networks.pillow_resize import resize_as_bytes

FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
OLD_AND_NEW = [
    ((64, 64), (224, 224)),
    ((512, 512), (224, 224)),
    ((97, 131), (224, 302)),
    ((300, 171), (56, 32)),
    ((40, 30), (40, 77)),
    ((33, 90), (91, 13)),
    ((5, 1), (3, 4)),
]
"""Height and width before and after: larger, smaller, one side alone, one of each."""


def images(height: int, width: int) -> np.ndarray:
    """Noise, and noise of black and white alone, which overshoots."""
    noise = np.random.default_rng(0).integers(0, 256, (2, height, width, 3), dtype=np.uint8)
    noise[1] = np.where(noise[1] > 127, 255, 0)
    return noise


def as_tensor(bytes_: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(bytes_).permute(0, 3, 1, 2) / 255.0


@pytest.mark.parametrize("interpolation", FILTERS)
@pytest.mark.parametrize(("old", "new"), OLD_AND_NEW)
def test_bytes_are_pillows(old, new, interpolation):
    originals = images(*old)
    theirs = [Image.fromarray(image).resize(new[::-1], FILTERS[interpolation]) for image in originals]
    ours = resize_as_bytes(as_tensor(originals), new, interpolation)
    assert torch.equal(ours, as_tensor(np.stack([np.asarray(image) for image in theirs])))


@pytest.mark.skipif(int(PIL.__version__.split(".")[0]) < 13, reason="Pillow took rows first always before 13")
@pytest.mark.parametrize("new", [(50, 21), (50, 76), (50, 75), (50, 74)])
def test_bytes_of_tall_images_are_pillows(new):
    originals = images(100, 100)
    theirs = [Image.fromarray(image).resize(new[::-1], Image.Resampling.BICUBIC) for image in originals]
    ours = resize_as_bytes(as_tensor(originals), new, "bicubic")
    assert torch.equal(ours, as_tensor(np.stack([np.asarray(image) for image in theirs])))


def test_a_render_that_is_no_image_of_bytes_becomes_one():
    rendered = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    seen = resize_as_bytes(rendered, (8, 8), "bicubic")
    assert (seen - rendered).abs().max() <= 0.5 / 255.0 + 1e-6
    assert torch.equal((seen * 255.0).round() / 255.0, seen)


@pytest.mark.parametrize("interpolation", FILTERS)
@pytest.mark.parametrize(("old", "new"), [((12, 9), (20, 31)), ((20, 14), (7, 5)), ((8, 8), (8, 8))])
def test_gradients_are_finite_differences_without_the_rounding(old, new, interpolation):
    generator = torch.Generator().manual_seed(0)
    image = 0.4 + 0.2 * torch.rand(1, 1, *old, generator=generator, dtype=torch.float64)
    direction = torch.rand(image.shape, generator=generator, dtype=torch.float64) - 0.5
    weights = torch.rand(1, 1, *new, generator=generator, dtype=torch.float64)

    def unrounded(step: float) -> torch.Tensor:
        moved = image + step * direction
        if old != new:
            moved = functional.interpolate(moved, new, mode=interpolation, antialias=True)
        return (weights * moved).sum()

    seen = image.clone().requires_grad_()
    (gradient,) = torch.autograd.grad((weights * resize_as_bytes(seen, new, interpolation)).sum(), seen)
    expected = (unrounded(1e-3) - unrounded(-1e-3)) / 2e-3
    assert ((gradient * direction).sum() - expected).abs() < 1e-5 * (weights.sum() / weights.numel())


def test_where_a_pass_overshoots_nothing_can_be_gained():
    edge = torch.zeros(1, 1, 1, 8)
    edge[..., 4:] = 1.0
    edge.requires_grad_()
    enlarged = resize_as_bytes(edge, (1, 32), "bicubic")
    brightest = functional.interpolate(edge.detach(), (1, 32), mode="bicubic", antialias=True).argmax()
    (gradient,) = torch.autograd.grad(enlarged.flatten()[brightest], edge)
    assert enlarged.max() == 1.0 and gradient.abs().max() == 0.0


def test_flat_white_can_still_be_darkened():
    white = torch.ones(1, 1, 8, 8, requires_grad=True)
    (gradient,) = torch.autograd.grad(resize_as_bytes(white, (28, 28), "bicubic").sum(), white)
    assert (gradient > 0).all()
