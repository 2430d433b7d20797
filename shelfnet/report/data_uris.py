"""Images as data URIs, which a page contains instead of links."""

import base64
import io

import numpy as np
from jaxtyping import UInt8
from PIL import Image


def webp_uri(rgba: UInt8[np.ndarray, "h w 4"]) -> str:
    """Pixels as a data URI of a lossy WebP image."""
    stream = io.BytesIO()
    Image.fromarray(rgba).save(stream, "webp", quality=90)
    return _data_uri("image/webp", stream.getvalue())


def png_uri(png: bytes) -> str:
    """A PNG as a data URI."""
    return _data_uri("image/png", png)


def _data_uri(media_type: str, data: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"
