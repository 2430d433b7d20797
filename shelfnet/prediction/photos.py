"""Photos and masks as a caller has them: files, Pillow images or arrays."""

from pathlib import Path

import numpy as np
from PIL import Image

from shelfnet.data.photographs.reader import IN_MEMORY, ImageSource, PhotoError

PhotoLike = str | Path | Image.Image | np.ndarray
"""A file, an image, or pixels ``h w 3``, ``h w 4`` or ``h w``: ``uint8``, or floats in [0, 1]; masks also ``bool``."""


def as_source(photo: PhotoLike) -> ImageSource:
    """A path, or an image in memory.

    Raises:
        PhotoError: An array with other shapes, types or values.
    """
    if isinstance(photo, np.ndarray):
        return Image.fromarray(_eight_bits(photo))
    return photo if isinstance(photo, Image.Image) else Path(photo)


def photo_name(photo: PhotoLike) -> str:
    """Path of a photo, for messages."""
    return str(photo) if isinstance(photo, str | Path) else IN_MEMORY


def _eight_bits(pixels: np.ndarray) -> np.ndarray:
    if 0 in pixels.shape or not (pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] in (3, 4))):
        raise PhotoError(f"{IN_MEMORY}: expected pixels h x w, h x w x 3 or h x w x 4, got {pixels.shape}")
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype == bool:
        return pixels.astype(np.uint8) * np.uint8(255)
    if not np.issubdtype(pixels.dtype, np.floating):
        raise PhotoError(f"{IN_MEMORY}: expected uint8, bool or floats, got {pixels.dtype}")
    low, high = float(pixels.min()), float(pixels.max())
    if not (low >= 0.0 and high <= 1.0):  # false for NaN
        raise PhotoError(f"{IN_MEMORY}: expected floats in [0, 1], got {low:g} to {high:g}")
    return np.rint(pixels * 255.0).astype(np.uint8)
