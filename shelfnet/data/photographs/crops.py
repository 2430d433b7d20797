"""Crop photographs to their object, framed as in renders, and refuse unusable masks."""

import math
from collections.abc import Iterable

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from shelfnet.config.images import ImagesSettings
from shelfnet.data.photographs.masks import INSIDE
from shelfnet.data.photographs.reader import FILTER, PhotoError
from shelfnet.data.shards.encoding import MAX_COVERAGE, check_image

FILTER_RADIUS = 1
"""Radius of the resampling filter in crop pixels."""


def crop_checked(
    rgba: UInt8[np.ndarray, "h w 4"], size_px: int, object_share: float, settings: ImagesSettings, name: str
) -> UInt8[np.ndarray, "s s 4"]:
    """Crop a square around the object of a photo whose mask and content can be used.

    Args:
        rgba: Photo with its mask as straight alpha.
        size_px: Side of the crop in pixels.
        object_share: Longer side of the mask's bounding box as a fraction of the crop's side, in (0, 1].
        settings: Smallest coverage and size of the object.
        name: Name of the photo in messages about its content.

    Raises:
        PhotoError: The mask cannot be used.
        UnusableImageError: The object is uniformly black or white.
    """
    check_mask(rgba, settings.min_coverage, settings.min_object_px)
    crop = crop_to_object(rgba, size_px, object_share)
    check_image(crop, name)
    return crop


def check_mask(rgba: UInt8[np.ndarray, "h w 4"], min_coverage: float, min_object_px: int) -> None:
    """Refuse a mask that covers too little or all of the photo.

    Args:
        rgba: Photo with its mask as alpha.
        min_coverage: Smallest fraction of pixels that the object may cover.
        min_object_px: Smallest longer side of the mask's bounding box, in photo pixels.

    Raises:
        PhotoError: The coverage is out of range, or the object is too small.
    """
    coverage = float((rgba[..., 3] > INSIDE).mean())
    if not min_coverage <= coverage <= MAX_COVERAGE:
        expected = f"expected a mask that covers {min_coverage:.2%} to {MAX_COVERAGE:.2%} of the photo"
        raise PhotoError(f"{expected}, got {coverage:.2%}")
    side = object_side(rgba)
    if side < min_object_px:
        raise PhotoError(f"expected an object of at least {min_object_px} pixels along its longer side, got {side}")


def crop_to_object(rgba: UInt8[np.ndarray, "h w 4"], size_px: int, object_share: float) -> UInt8[np.ndarray, "s s 4"]:
    """Crop a square centred on the object; it is transparent beyond the photo.

    Args:
        rgba: Photo with its mask as straight alpha.
        size_px: Side of the crop in pixels.
        object_share: Longer side of the mask's bounding box as a fraction of the crop's side, in (0, 1].

    Raises:
        PhotoError: The mask is empty.
    """
    left, top, right, bottom = _bounding_box(rgba)
    side = object_side(rgba) / object_share
    return _resample_square(rgba, 0.5 * (left + right - side), 0.5 * (top + bottom - side), side, size_px)


def median_object_share(images: Iterable[UInt8[np.ndarray, "h w 4"]]) -> float:
    """Median ratio of the longer side of the mask's bounding box to the side of a square image.

    Images with an empty mask are ignored.

    Raises:
        PhotoError: All masks are empty.
    """
    shares = [object_side(image) / len(image) for image in images if (image[..., 3] > INSIDE).any()]
    if not shares:
        raise PhotoError("expected images with masks, got only empty masks")
    return float(np.median(shares))


def _bounding_box(rgba: UInt8[np.ndarray, "h w 4"]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom edges of the mask in pixels.

    Raises:
        PhotoError: The mask is empty.
    """
    inside = rgba[..., 3] > INSIDE
    columns, rows = np.flatnonzero(inside.any(axis=0)), np.flatnonzero(inside.any(axis=1))
    if len(columns) == 0:
        raise PhotoError("expected a mask of the object, got an empty mask")
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def object_side(rgba: UInt8[np.ndarray, "h w 4"]) -> int:
    """Longer side of the mask's bounding box in pixels."""
    left, top, right, bottom = _bounding_box(rgba)
    return max(right - left, bottom - top)


def _resample_square(
    rgba: UInt8[np.ndarray, "h w 4"], left: float, top: float, side: float, size_px: int
) -> UInt8[np.ndarray, "s s 4"]:
    """Resample a square, given in photo pixels, that may extend beyond the photo.

    Only the overlap with the photo is computed, so that a square much larger than the photo costs nothing extra. Pillow
    premultiplies colours by alpha before filtering.
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
    """Start and end in the photo, and slice in the crop, of the crop pixels that the photo contributes to."""
    first = max(0, math.floor(-start / scale) - FILTER_RADIUS)
    last = min(size_px, math.ceil((length_px - start) / scale) + FILTER_RADIUS)
    return start + first * scale, start + last * scale, slice(first, last)
