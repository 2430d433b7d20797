"""Crops of photographs that show the object as renders do, and what a usable mask is."""

import math
from collections.abc import Iterable

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from shelfnet.data.photographs.pixels import FILTER, PhotoError
from shelfnet.data.shards.encoding import MAX_COVERAGE

INSIDE = 127
"""Pixels with a larger alpha belong to the object."""

FILTER_REACH = 1
"""Pixels of a crop around its own that the filter looks at."""


def check_coverage(rgba: UInt8[np.ndarray, "h w 4"], min_coverage: float) -> None:
    """Refuse a mask that is no photo's subject, or that leaves no background.

    Args:
        rgba: the photo with its mask as alpha.
        min_coverage: least share of the photo's pixels that the object takes.

    Raises:
        PhotoError: the object covers less, or all of the photo.
    """
    coverage = float((rgba[..., 3] > INSIDE).mean())
    if not min_coverage <= coverage <= MAX_COVERAGE:
        expected = f"between {min_coverage:.2%} and {MAX_COVERAGE:.2%}"
        raise PhotoError(f"expected a mask that covers {expected} of the photo, got {coverage:.2%}")


def check_object_size(rgba: UInt8[np.ndarray, "h w 4"], min_object_px: int) -> None:
    """Refuse an object of which the photo shows too little.

    Args:
        rgba: the photo with its mask as alpha.
        min_object_px: least number of photo pixels along the longer side of the mask's bounding box.

    Raises:
        PhotoError: the mask is smaller, or empty.
    """
    side = _object_side(rgba)
    if side < min_object_px:
        raise PhotoError(f"expected an object of at least {min_object_px} pixels along its longer side, got {side}")


def crop_to_object(rgba: UInt8[np.ndarray, "h w 4"], size_px: int, object_share: float) -> UInt8[np.ndarray, "s s 4"]:
    """A square around the object, as large in it as in the images that a network knows; transparent beyond the photo.

    Args:
        rgba: the photo with its mask as straight alpha.
        size_px: side of the crop.
        object_share: of the crop's side that the longer side of the mask's bounding box takes, in (0, 1].

    Raises:
        PhotoError: the mask is empty.
    """
    left, top, right, bottom = _bounding_box(rgba)
    side = _object_side(rgba) / object_share
    return _resample_square(rgba, 0.5 * (left + right - side), 0.5 * (top + bottom - side), side, size_px)


def median_object_share(images: Iterable[UInt8[np.ndarray, "h w 4"]]) -> float:
    """Median share of a square image's side that the longer side of its mask's bounding box takes.

    Images whose mask is empty do not count.

    Raises:
        PhotoError: all masks are empty.
    """
    shares = [_object_side(image) / len(image) for image in images if (image[..., 3] > INSIDE).any()]
    if not shares:
        raise PhotoError("expected images with masks of their objects, got none but empty masks")
    return float(np.median(shares))


def _bounding_box(rgba: UInt8[np.ndarray, "h w 4"]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom edges of the mask in pixels.

    Raises:
        PhotoError: the mask is empty.
    """
    inside = rgba[..., 3] > INSIDE
    columns, rows = np.flatnonzero(inside.any(axis=0)), np.flatnonzero(inside.any(axis=1))
    if len(columns) == 0:
        raise PhotoError("expected a mask of the object, got an empty one")
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _object_side(rgba: UInt8[np.ndarray, "h w 4"]) -> int:
    """Longer side of the mask's bounding box in pixels."""
    left, top, right, bottom = _bounding_box(rgba)
    return max(right - left, bottom - top)


def _resample_square(
    rgba: UInt8[np.ndarray, "h w 4"], left: float, top: float, side: float, size_px: int
) -> UInt8[np.ndarray, "s s 4"]:
    """Pixels of a square that may reach beyond the photo, edges in photo pixels.

    Only what lies over the photo is computed, so that a square much larger than the photo costs nothing. Pillow
    multiplies colours by alpha before it filters and divides after.
    """
    scale = side / size_px
    (x0, x1, columns), (y0, y1, rows) = (
        _overlap(start, scale, size_px, length) for start, length in zip((left, top), rgba.shape[1::-1], strict=True)
    )
    corner = math.floor(x0), math.floor(y0)
    region = Image.fromarray(rgba).crop((*corner, math.ceil(x1), math.ceil(y1)))
    box = x0 - corner[0], y0 - corner[1], x1 - corner[0], y1 - corner[1]
    size = columns.stop - columns.start, rows.stop - rows.start
    square = np.zeros((size_px, size_px, 4), dtype=np.uint8)
    square[rows, columns] = np.asarray(region.resize(size, FILTER, box=box))
    return square


def _overlap(start: float, scale: float, size_px: int, length_px: int) -> tuple[float, float, slice]:
    """Pixels along one side of a crop whose filter reaches the photo, and where they begin and end in the photo."""
    first = max(0, math.floor(-start / scale) - FILTER_REACH)
    last = min(size_px, math.ceil((length_px - start) / scale) + FILTER_REACH)
    return start + first * scale, start + last * scale, slice(first, last)
