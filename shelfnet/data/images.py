"""Image files: untrusted ones are decoded, where oversized ones are refused first, and our own are published."""

import io
import warnings
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from shelfnet.publishing import complete_file

TEXTURE_FORMATS = ("PNG", "JPEG", "BMP", "TGA", "TIFF", "WEBP")
"""Raster formats only: formats such as EPS would start an interpreter."""

MAX_PIXELS = 8192 * 8192
"""Size limit of decoded images: 256 MiB as RGBA."""


class ImageError(ValueError):
    """An image cannot be used; the message says why."""


def decode_png(data: bytes, max_pixels: int = MAX_PIXELS) -> UInt8[np.ndarray, "h w 4"]:
    """RGBA pixels of a PNG.

    Raises:
        ImageError: The data are not a PNG, are damaged, or have more than ``max_pixels``.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=("PNG",)) as header:
                check_size(header, max_pixels)
                header.verify()
            with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
                return np.asarray(image.convert("RGBA"))
    except ImageError:
        raise
    except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error, zlib.error, ...
        raise ImageError(f"expected a whole PNG: {error}") from error


def check_size(image: Image.Image, max_pixels: int = MAX_PIXELS) -> None:
    """Refuse an oversized image by its header.

    Raises:
        ImageError: The image has more than ``max_pixels``.
    """
    if image.width * image.height > max_pixels:
        raise ImageError(f"expected at most {max_pixels} pixels, got {image.width} x {image.height}; scale it down")


def save_png(path: Path, image: Float[np.ndarray, "h w 3"]) -> None:
    """Publish an RGB image with values in [0, 1] as a PNG; its folder is created if needed."""
    with complete_file(path) as temporary:
        Image.fromarray(np.rint(255.0 * image.clip(0.0, 1.0)).astype(np.uint8)).save(temporary, format="PNG")
