"""Pillow's resizing of 8-bit images, equal to it bit for bit, differentiable and where the images are.

Pillow resizes along rows and along columns in two passes with weights in fixed point, and rounds and cuts what comes
out of each to bytes. Both passes are matrix products here. They are done in float64, which holds every product and sum
of bytes and weights exactly, and which automatic mixed precision leaves alone.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

Interpolation = Literal["bilinear", "bicubic"]

WHITE = 255.0
"""The largest byte."""

WEIGHT_STEPS = 2**22
"""Pillow's weights are multiples of one part in so many."""

CUBIC_A = -0.5
"""Of the cubic convolution kernel (Keys 1981); Pillow's choice."""


def resize_as_bytes(
    images: Float[Tensor, "b c h w"], size: tuple[int, int], interpolation: Interpolation
) -> Float[Tensor, "b c p q"]:
    """What Pillow makes of images once they are 8-bit, with the gradient of the same without its rounding.

    Rounding has no gradient of its own: it is passed straight through. Where a pass overshoots black or white by more
    than half a level, it is cut and its gradient is zero.

    Args:
        images: in [0, 1].
        size: height and width wanted; a side that has it already is not resampled.
        interpolation: Pillow's filter; where images shrink it widens with the scale, as an antialiasing filter does.

    Returns:
        Images in [0, 1], multiples of 1/255.
    """
    levels = _to_bytes(images.double() * WHITE)
    for axis in (-2, -1) if _columns_first(images.shape[-2:], size) else (-1, -2):
        n_in, n_out = images.shape[axis], size[axis]
        if n_out != n_in:
            weights = _weights_on(n_in, n_out, interpolation, images.device)
            resampled = levels @ weights.T if axis == -1 else weights @ levels
            levels = _to_bytes(resampled)
    return levels.to(images.dtype) / WHITE


def _columns_first(old: Sequence[int], new: Sequence[int]) -> bool:
    """Rows come first, except, since Pillow 13, where the height shrinks by more than twice what the width does."""
    fewer_rows, fewer_columns = old[0] - new[0], old[1] - new[1]
    return fewer_rows > 0 and fewer_rows > 2 * fewer_columns


def pillow_weights(n_in: int, n_out: int, interpolation: Interpolation) -> Float[np.ndarray, "o i"]:
    """Weights of the pixels of a line in those of the resized line, in Pillow's fixed point."""
    scale = n_in / n_out
    widening = max(scale, 1.0)
    centres = (np.arange(n_out) + 0.5)[:, None] * scale
    weights = _FILTERS[interpolation](np.abs(np.arange(n_in) + 0.5 - centres) / widening)
    weights /= weights.sum(axis=1, keepdims=True)
    return np.trunc(weights * WEIGHT_STEPS + np.copysign(0.5, weights)) / WEIGHT_STEPS


@functools.cache
def _weights_on(n_in: int, n_out: int, interpolation: Interpolation, device: torch.device) -> Float[Tensor, "o i"]:
    """The weights where the images are, kept: a recorded CUDA graph goes on reading them."""
    return torch.from_numpy(pillow_weights(n_in, n_out, interpolation)).to(device)


def _to_bytes(levels: Tensor) -> Tensor:
    """The nearest byte, halves upwards, with the gradient of the level itself; where it is cut, with none.

    Black and white count as not cut, unlike in :func:`torch.clamp`: what is behind an object is white and may change.
    """
    rounded = torch.floor(levels + 0.5).detach()
    uncut = (rounded >= 0.0) & (rounded <= WHITE)
    return rounded.clamp(0.0, WHITE) + torch.where(uncut, levels - levels.detach(), 0.0)


def _triangle(distance: Float[np.ndarray, "o i"]) -> Float[np.ndarray, "o i"]:
    return np.maximum(1.0 - distance, 0.0)


def _cubic(distance: Float[np.ndarray, "o i"]) -> Float[np.ndarray, "o i"]:
    near = ((CUBIC_A + 2.0) * distance - (CUBIC_A + 3.0)) * distance**2 + 1.0
    far = (((distance - 5.0) * distance + 8.0) * distance - 4.0) * CUBIC_A
    return np.where(distance < 1.0, near, np.where(distance < 2.0, far, 0.0))


_FILTERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {"bilinear": _triangle, "bicubic": _cubic}
"""Weight at a distance, in pixels of the coarser of both images."""
