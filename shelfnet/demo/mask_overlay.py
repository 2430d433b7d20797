"""Image of a photo in which everything but the object is tinted."""

import numpy as np
from jaxtyping import UInt8
from PIL import Image

MAX_PX = 1024
"""Longest side of the image, which is shown on a page."""

TINT = (38, 50, 72)
STRENGTH = 0.82
"""Colour of the background and its share: an object on white, grey or black stands out from it."""


def mask_overlay(photo: UInt8[np.ndarray, "h w 3"], mask: UInt8[np.ndarray, "h w"]) -> Image.Image:
    """Tint the background of a photo.

    Args:
        photo: Upright photo.
        mask: Its mask; 255 inside the object.
    """
    image = Image.fromarray(photo)
    image.thumbnail((MAX_PX, MAX_PX))
    tinted = Image.blend(image, Image.new("RGB", image.size, TINT), STRENGTH)
    return Image.composite(image, tinted, Image.fromarray(mask).resize(image.size))
