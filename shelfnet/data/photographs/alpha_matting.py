"""Soft edges of an object: opacity and colour of the pixels along its outline.

A pixel on the outline is a mixture of the colours of the object and the background. Its opacity is the position of
its colour between the two.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Integer, UInt8
from scipy import ndimage

from shelfnet.data.photographs.masks import NEIGHBOURS

INSET_PX = 4
"""Pixels at least this deep in the object are opaque."""
OPAQUE_CONTRAST = 0.75
"""A pixel is opaque if its contrast to the background is at least this fraction of the highest contrast nearby."""
NEARBY_PX = 5
"""Side of the window in which contrasts are compared."""
AVERAGE_PX = 7
"""Side of the window in which the colours of object and background are averaged."""
MIN_CONTRAST = 10.0
"""Between colours that are closer than this, in grey levels over all channels, the opacity stays as it is."""


@dataclass(frozen=True)
class Trimap:
    """What is known about every pixel, and the colours that mix where nothing is known.

    Attributes:
        opaque: Pixels of the object alone.
        unknown: Pixels that may be mixtures.
        inside: First estimate of the object.
        object_colour: Colour of the object nearby.
        background_colour: Colour of the background nearby.
        has_contrast: Whether the two are known and differ.
    """

    opaque: Bool[np.ndarray, "h w"]
    unknown: Bool[np.ndarray, "h w"]
    inside: Bool[np.ndarray, "h w"]
    object_colour: Float[np.ndarray, "c h w"]
    background_colour: Float[np.ndarray, "c h w"]
    has_contrast: Bool[np.ndarray, "h w"]


def make_trimap(
    image: Float[np.ndarray, "c h w"], background_colour: Float[np.ndarray, "c h w"], inside: Bool[np.ndarray, "h w"]
) -> Trimap:
    """Find the pixels along the outline of an object, and the colours on both sides of it.

    Args:
        image: Photo in grey levels.
        background_colour: Colour of the background in grey levels.
        inside: Estimate of the object, at most a few pixels too large.
    """
    difference = image - background_colour
    contrast = np.where(inside, np.einsum("chw,chw->hw", difference, difference), 0.0)
    highest = ndimage.maximum_filter(contrast, NEARBY_PX)
    deep = ndimage.binary_erosion(inside, NEIGHBOURS, iterations=INSET_PX, border_value=1)
    opaque = deep | (inside & (contrast >= OPAQUE_CONTRAST**2 * highest))
    empty = ~np.asarray(ndimage.binary_dilation(inside, NEIGHBOURS), bool)
    object_nearby, has_object = _local_mean(image, opaque)
    background_nearby, has_background = _local_mean(image, empty)
    background_nearby = np.where(has_background, background_nearby, background_colour)
    step = object_nearby - background_nearby
    has_contrast = has_object & (np.einsum("chw,chw->hw", step, step) >= MIN_CONTRAST**2)
    return Trimap(opaque, ~opaque & ~empty, inside, object_nearby, background_nearby, has_contrast)


def apply_trimap(rgb: UInt8[np.ndarray, "H W 3"], trimap: Trimap) -> UInt8[np.ndarray, "H W 4"]:
    """Set the opacity of all pixels, and remove the background's colour from those that are partly opaque.

    Args:
        rgb: The photo, at the size of the trimap or larger.
        trimap: What is known at a smaller size.
    """
    height, width, _ = rgb.shape
    rows, columns = _nearest(height, trimap.opaque.shape[0]), _nearest(width, trimap.opaque.shape[1])
    alpha = np.where(trimap.opaque, np.uint8(255), np.uint8(0))[rows[:, None], columns]
    rgba = np.dstack([rgb, alpha])
    at = np.nonzero(trimap.unknown[rows[:, None], columns])
    source = rows[at[0]], columns[at[1]]
    inside, background = trimap.object_colour[:, *source], trimap.background_colour[:, *source]
    step = inside - background
    mixture = np.einsum("cn,cn->n", rgb[at].T - background, step) / np.maximum(np.einsum("cn,cn->n", step, step), 1.0)
    opacity = np.where(trimap.has_contrast[source], np.clip(mixture, 0.0, 1.0), trimap.inside[source])
    mixed = trimap.has_contrast[source] & (opacity < 1.0)
    rgba[at[0], at[1], 3] = np.rint(255.0 * opacity)
    rgba[at[0][mixed], at[1][mixed], :3] = np.rint(inside[:, mixed].T.clip(0.0, 255.0))
    return rgba


def _local_mean(
    image: Float[np.ndarray, "c h w"], where: Bool[np.ndarray, "h w"]
) -> tuple[Float[np.ndarray, "c h w"], Bool[np.ndarray, "h w"]]:
    """Mean colour of the chosen pixels in a window around each pixel, and whether there are any."""
    share = ndimage.uniform_filter(where.astype(np.float32), AVERAGE_PX)
    sums = np.stack([ndimage.uniform_filter(channel * where, AVERAGE_PX) for channel in image])
    is_known = share > 0.5 / AVERAGE_PX**2
    return sums / np.where(is_known, share, 1.0), is_known


def _nearest(length: int, source_length: int) -> Integer[np.ndarray, "n"]:
    """Indices of the nearest pixels of a smaller image."""
    return ((np.arange(length) + 0.5) * (source_length / length)).astype(np.intp)
