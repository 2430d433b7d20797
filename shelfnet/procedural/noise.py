"""Noise fields for procedural textures."""

import numpy as np
from jaxtyping import Float
from PIL import Image

ImageShape = tuple[int, ...]
"""Height and width in pixels."""


def smooth_noise(rng: np.random.Generator, shape: ImageShape, cell_px: tuple[float, float]) -> Float[np.ndarray, "h w"]:
    """Value noise with zero mean, unit deviation and features of about ``cell_px`` pixels (vertical, horizontal)."""
    coarse = tuple(max(2, round(side / cell) + 2) for side, cell in zip(shape, cell_px, strict=True))
    grid = rng.standard_normal(coarse).astype(np.float32)
    field = np.asarray(Image.fromarray(grid).resize((shape[1], shape[0]), Image.Resampling.BICUBIC), dtype=np.float64)
    return standardised(field)


def fractal_noise(
    rng: np.random.Generator, shape: ImageShape, cell_px: tuple[float, float], octaves: int = 3
) -> Float[np.ndarray, "h w"]:
    """Sum of octaves of smooth noise, each at half the scale and half the amplitude of the previous one."""
    total = np.zeros(shape)
    for octave in range(octaves):
        cell = (max(1.0, cell_px[0] / 2**octave), max(1.0, cell_px[1] / 2**octave))
        total += smooth_noise(rng, shape, cell) / 2**octave
    return standardised(total)


def standardised(field: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    """Shift and scale to zero mean and unit deviation; a constant field becomes zero."""
    return (field - field.mean()) / max(float(field.std()), 1e-9)


def pixel_grid(shape: ImageShape) -> tuple[Float[np.ndarray, "h w"], Float[np.ndarray, "h w"]]:
    """Row and column of every pixel."""
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float64)
    return rows, columns
