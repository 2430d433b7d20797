"""Decoding of untrusted images: oversized ones are refused before a pixel is decoded."""

import io
import warnings

import numpy as np
from jaxtyping import UInt8
from PIL import Image

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
        raise ImageError(f"expected at most {max_pixels} pixels, got {image.width} x {image.height}")
