"""Images as stored: checked for rendering faults, and encoded as PNG RGBA with straight alpha."""

import io

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from shelfnet.data.obj.reader import ModelError

MIN_COVERAGE = 0.001
MAX_COVERAGE = 0.995
BURNT_OUT = 250
BLACK = 5
FLAT = 2.0
PNG_COMPRESSION = 6


class UnusableImageError(ModelError):
    """An image cannot be used; the message names its model."""


def check_image(rgba: UInt8[np.ndarray, "h w 4"], model_id: str) -> None:
    """Refuse an image that is blank, has no background, or shows an overexposed or black object.

    Raises:
        UnusableImageError: The mask is nearly empty or nearly full, or the object is uniformly white or black.
    """
    inside = rgba[..., 3] > 127
    coverage = float(inside.mean())
    if coverage < MIN_COVERAGE:
        raise UnusableImageError(f"{model_id}: blank image: the object covers {coverage:.2%} of it")
    if coverage > MAX_COVERAGE:
        raise UnusableImageError(f"{model_id}: the object covers {coverage:.2%} of the image, expected a background")
    colours = rgba[inside][:, :3].astype(np.float64)
    if colours.std(axis=0).max() >= FLAT:
        return
    if colours.mean() >= BURNT_OUT:
        raise UnusableImageError(f"{model_id}: burnt-out image: the object is white all over")
    if colours.mean() <= BLACK:
        raise UnusableImageError(f"{model_id}: black image: the object is black all over")


def encode_png(rgba: UInt8[np.ndarray, "h w 4"]) -> bytes:
    """A PNG file; equal pixels give equal bytes."""
    stream = io.BytesIO()
    Image.fromarray(rgba, mode="RGBA").save(stream, format="PNG", compress_level=PNG_COMPRESSION)
    return stream.getvalue()
