"""The part of a mask that is the object, and signs that a mask is not what it should be."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from jaxtyping import Bool, UInt8
from scipy import ndimage

from shelfnet.data.shards.encoding import MAX_COVERAGE

INSIDE = 127
"""Pixels with a larger alpha belong to the object."""
OBJECT_FRACTION = 0.99
"""The largest parts of a mask that together hold this fraction of it are the object; the rest is stray."""
SECOND_OBJECT = 0.25
"""A part of this size relative to the largest one may be another object."""
COVERED, EMPTY = 0.95, 0.5
"""A mask looks inverted if it covers at least this fraction of the border and less than this fraction of the middle."""
NEIGHBOURS = np.ones((3, 3), bool)
"""Pixels that touch at an edge or a corner belong to one part."""


class MaskRemark(StrEnum):
    """Signs that a mask is not what it should be."""

    STRAY = "the mask has stray pixels away from the object; they are left out"
    SEVERAL = "the mask has several large parts, expected one object; crop or mask the others"
    LARGEST = "the photo shows several objects; only the largest is used: crop or mask the photo for another one"
    INVERTED = "the mask covers the border but not the middle: it looks inverted; the object must be bright or opaque"


@dataclass(frozen=True)
class IsolatedObject:
    """A photo whose mask holds the object alone.

    Attributes:
        rgba: Photo with its mask as alpha.
        remarks: What the mask was like.
    """

    rgba: UInt8[np.ndarray, "h w 4"]
    remarks: tuple[MaskRemark, ...]


def isolate_object(rgba: UInt8[np.ndarray, "h w 4"], *, computed: bool = False) -> IsolatedObject:
    """Make the stray parts of a mask transparent, since a single stray pixel would move the crop.

    Args:
        rgba: Photo with its mask as alpha.
        computed: Whether the mask was computed from the photo. Its large parts are then separate objects, of which the
            largest is kept, and its specks are left out without a remark. In a mask that somebody made, large parts may
            belong to one object that something hides.
    """
    inside = rgba[..., 3] > INSIDE
    remarks = [MaskRemark.INVERTED] if _looks_inverted(inside) else []
    parts = np.empty(inside.shape, np.int32)
    n_parts = int(ndimage.label(inside, NEIGHBOURS, output=parts))  # pyright: ignore[reportArgumentType]
    if n_parts < 2:
        return IsolatedObject(rgba, tuple(remarks))
    areas = np.bincount(parts.ravel(), minlength=n_parts + 1)[1:]
    order = np.argsort(-areas, kind="stable")
    n_kept = int(np.searchsorted(np.cumsum(areas[order]), OBJECT_FRACTION * areas.sum())) + 1
    has_several = areas[order[1]] >= SECOND_OBJECT * areas[order[0]]
    if has_several and computed:
        return IsolatedObject(_without(rgba, inside, parts == order[0] + 1), (*remarks, MaskRemark.LARGEST))
    if has_several:
        remarks.append(MaskRemark.SEVERAL)
    if n_kept == n_parts:
        return IsolatedObject(rgba, tuple(remarks))
    is_kept = np.isin(parts, order[:n_kept] + 1)
    remarks += [] if computed else [MaskRemark.STRAY]
    return IsolatedObject(_without(rgba, inside, is_kept), tuple(remarks))


def masks_something(alpha: UInt8[np.ndarray, "h w"]) -> bool:
    """Whether an alpha channel is a mask: it is not if it is opaque nearly everywhere, as in many screenshots."""
    return float((alpha > INSIDE).mean()) <= MAX_COVERAGE


def _without(
    rgba: UInt8[np.ndarray, "h w 4"], inside: Bool[np.ndarray, "h w"], is_kept: Bool[np.ndarray, "h w"]
) -> UInt8[np.ndarray, "h w 4"]:
    """The photo without the parts that are not kept, and without their soft rims."""
    left_out = np.asarray(ndimage.binary_dilation(inside & ~is_kept, NEIGHBOURS), bool) & ~is_kept
    isolated = rgba.copy()
    isolated[left_out, 3] = 0
    return isolated


def _looks_inverted(inside: Bool[np.ndarray, "h w"]) -> bool:
    height, width = inside.shape
    border = np.concatenate([inside[0], inside[-1], inside[:, 0], inside[:, -1]])
    middle = inside[height // 3 : height - height // 3, width // 3 : width - width // 3]
    return bool(border.mean() >= COVERED and middle.mean() < EMPTY)
