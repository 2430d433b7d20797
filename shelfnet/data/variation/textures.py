"""Procedural textures of floors, walls and occluders: checks, planks and noise."""

import colorsys
from collections.abc import Callable

import numpy as np
from jaxtyping import Float, UInt8
from scipy import ndimage

SIDE_PX = 96
"""Side of a texture; it continues seamlessly at its borders."""

N_CHECKS, N_PLANKS = 4, 6
SEAM = 0.45
"""Brightness of the seams between planks."""


def draw_texture(generator: np.random.Generator) -> UInt8[np.ndarray, "h w 3"]:
    """A seamless sRGB texture of a random kind and random colours."""
    draw = TEXTURES[int(generator.integers(len(TEXTURES)))]
    return np.rint(255.0 * draw(generator).clip(0.0, 1.0)).astype(np.uint8)


def smooth_noise(
    generator: np.random.Generator, shape: tuple[int, int], sigma_px: float | tuple[float, float]
) -> Float[np.ndarray, "h w"]:
    """Noise with a largest magnitude of 1, smoothed by a Gaussian and seamless."""
    noise = np.asarray(ndimage.gaussian_filter(generator.standard_normal(shape), sigma_px, mode="wrap"))
    return noise / np.abs(noise).max()


def _colour(generator: np.random.Generator) -> Float[np.ndarray, "3"]:
    return np.array(colorsys.hsv_to_rgb(generator.uniform(), generator.uniform(0.0, 0.6), generator.uniform(0.3, 0.95)))


def _checks(generator: np.random.Generator) -> Float[np.ndarray, "h w 3"]:
    rows, columns = np.indices((SIDE_PX, SIDE_PX)) * N_CHECKS // SIDE_PX
    return np.where(((rows + columns) % 2 == 0)[..., None], _colour(generator), _colour(generator))


def _planks(generator: np.random.Generator) -> Float[np.ndarray, "h w 3"]:
    width = SIDE_PX // N_PLANKS
    brightness = np.repeat(generator.uniform(0.75, 1.1, N_PLANKS), width)[:, None]
    grain = smooth_noise(generator, (SIDE_PX, SIDE_PX), (0.6, 12.0))
    shade = brightness * (1.0 + 0.15 * grain)
    shade[::width] = SEAM
    return shade[..., None] * _colour(generator)


def _noise(generator: np.random.Generator) -> Float[np.ndarray, "h w 3"]:
    share = 0.5 + 0.5 * smooth_noise(generator, (SIDE_PX, SIDE_PX), generator.uniform(1.0, 8.0))[..., None]
    return share * _colour(generator) + (1.0 - share) * _colour(generator)


TEXTURES: tuple[Callable[[np.random.Generator], Float[np.ndarray, "h w 3"]], ...] = (_checks, _planks, _noise)
