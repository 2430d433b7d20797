"""Which faces matter to which pixels, and how a face looks from a pixel.

A *pair* is one pixel and one face. Screen coordinates are NDC: x right and y down, [-1, 1] over the square image, so
that squared distances equal PyTorch3D's, whose axes point the other way.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

NEAR_DEPTH = 1e-3
"""Faces with a corner nearer to the camera plane than this, in object units, are culled."""

_EPSILON = 1e-8
"""Squared NDC lengths and doubled NDC areas up to this count as zero (PyTorch3D's kEpsilon)."""

_PAIRS_AT_ONCE = 1 << 20
"""Bound on the candidate pairs in memory: a few large faces cover every pixel, and so may ten thousand."""

_PAIRS_IN_CACHE = 1 << 15
"""Candidates that a CPU looks at together: their intermediate results then stay in its cache."""


@dataclass(frozen=True)
class PixelFacePairs:
    """Pixels (``mesh * h * w + row * w + column``) and the packed faces that reach them."""

    pixel: Int[Tensor, "p"]
    face: Int[Tensor, "p"]
    depth: Float[Tensor, "p"]


@dataclass(frozen=True)
class PairGeometry:
    """A face as seen from a pixel.

    Attributes:
        barycentric: perspective-correct coordinates, clipped to the face where the pixel lies beside it.
        depth: along the camera's z axis, at these coordinates.
        signed_distance: squared NDC distance to the nearest edge, negative inside the face.
    """

    barycentric: Float[Tensor, "3 p"]
    depth: Float[Tensor, "p"]
    signed_distance: Float[Tensor, "p"]


def pair_geometry(corners: Float[Tensor, "3 3 p"], centres: Float[Tensor, "2 p"]) -> PairGeometry:
    """Barycentric coordinates, depth and signed squared distance of every pair, differentiable in the corners.

    Args:
        corners: NDC x, NDC y and depth (first axis) of a face's three corners (second axis).
        centres: NDC x and y of pixel centres.
    """
    to_corner = corners[:2] - centres[:, None]
    edge = to_corner.roll(-1, 1) - to_corner
    outside = _squared_distance_to_edges(to_corner, edge)
    areas = to_corner[0] * edge[1] - to_corner[1] * edge[0]
    affine = (areas / areas.sum(0)).roll(-1, 0)
    inside = (affine.detach() > 0.0).all(0)
    barycentric = _perspective_correct(affine, corners[2])
    depth = (barycentric * corners[2]).sum(0)
    return PairGeometry(barycentric, depth, torch.where(inside, -outside, outside))


def _squared_distance_to_edges(to_corner: Float[Tensor, "2 3 p"], edge: Float[Tensor, "2 3 p"]) -> Float[Tensor, "p"]:
    length2 = edge.square().sum(0)
    along = -(to_corner * edge).sum(0) / length2.clamp(min=_EPSILON)
    offset = to_corner + along.clamp(0.0, 1.0) * edge
    return offset.square().sum(0).amin(0)


def _perspective_correct(affine: Float[Tensor, "3 p"], depths: Float[Tensor, "3 p"]) -> Float[Tensor, "3 p"]:
    # Clipping before normalising leaves only positive summands, so that no face seen edge-on divides by zero.
    weighted = affine.clamp(min=0.0) / depths
    return weighted / weighted.sum(0)


def pixel_centres(pixel: Int[Tensor, "p"], resolution_px: int, dtype: torch.dtype) -> Float[Tensor, "2 p"]:
    """NDC x and y of the centres of pixels given by their flat index."""
    within = pixel % (resolution_px * resolution_px)
    row = torch.div(within, resolution_px, rounding_mode="floor")
    indices = torch.stack([within - row * resolution_px, row]).to(dtype)
    return (2.0 * indices + 1.0) / resolution_px - 1.0


@torch.no_grad()
def nearest_pairs(
    corners: Float[Tensor, "3 3 f"],
    face_mesh: Int[Tensor, "f"],
    resolution_px: int,
    faces_per_pixel: int,
    blur_radius: float,
) -> PixelFacePairs:
    """Every pixel's nearest faces by depth among those that cover it or lie within the blur radius.

    Returns:
        PixelFacePairs in order of pixel, then depth, then face; at most ``faces_per_pixel`` a pixel.
    """
    empty = torch.zeros(0, dtype=torch.int64, device=corners.device)
    best = PixelFacePairs(empty, empty, corners.new_zeros(0))
    for candidates in _candidate_chunks(corners, face_mesh, resolution_px, blur_radius):
        reached = [_within_blur(corners, *part, resolution_px, blur_radius) for part in _parts(*candidates)]
        best = _keep_nearest(_concatenate(best, *reached), faces_per_pixel)
    return best


def _candidate_chunks(
    corners: Float[Tensor, "3 3 f"], face_mesh: Int[Tensor, "f"], resolution_px: int, blur_radius: float
) -> Iterator[tuple[Int[Tensor, "p"], Int[Tensor, "p"]]]:
    """Pixels and faces of all pairs whose pixel lies in the face's grown bounding box, a bounded number at a time."""
    faces = _visible(corners).nonzero().squeeze(1)
    first, extent = _pixel_boxes(corners[:2, :, faces], resolution_px, math.sqrt(blur_radius))
    counts = extent[0] * extent[1]
    for chunk in _split(counts):
        yield _box_pixels(first[:, chunk], extent[:, chunk], faces[chunk], face_mesh, resolution_px)


def _visible(corners: Float[Tensor, "3 3 f"]) -> Bool[Tensor, "f"]:
    x, y, depth = corners
    doubled_area = (x[1] - x[0]) * (y[2] - y[0]) - (y[1] - y[0]) * (x[2] - x[0])
    # Neither comparison holds for a corner that is not a number.
    return (depth.amin(0) > NEAR_DEPTH) & (doubled_area.abs() > _EPSILON)


def _pixel_boxes(
    screen: Float[Tensor, "2 3 f"], resolution_px: int, margin: float
) -> tuple[Int[Tensor, "2 f"], Int[Tensor, "2 f"]]:
    """First column and row, and numbers of columns and rows, of the pixel centres in faces' grown bounding boxes."""
    low = 0.5 * resolution_px * (screen.amin(1) - margin + 1.0) - 0.5
    high = 0.5 * resolution_px * (screen.amax(1) + margin + 1.0) - 0.5
    first = low.clamp(0.0, resolution_px).ceil().long()
    last = high.clamp(-1.0, resolution_px - 1.0).floor().long()
    return first, (last - first + 1).clamp(min=0)


def _split(counts: Int[Tensor, "f"]) -> Iterator[slice]:
    """Runs of faces whose candidate pairs together stay near the memory bound."""
    group = torch.div(counts.cumsum(0), _PAIRS_AT_ONCE, rounding_mode="floor")
    start = 0
    for length in torch.unique_consecutive(group, return_counts=True)[1].tolist():
        yield slice(start, start + length)
        start += length


def _box_pixels(
    first: Int[Tensor, "2 f"],
    extent: Int[Tensor, "2 f"],
    faces: Int[Tensor, "f"],
    face_mesh: Int[Tensor, "n"],
    resolution_px: int,
) -> tuple[Int[Tensor, "p"], Int[Tensor, "p"]]:
    counts = extent[0] * extent[1]
    owner = torch.repeat_interleave(torch.arange(len(faces), device=faces.device), counts)
    starts = counts.cumsum(0) - counts
    within = torch.arange(len(owner), device=faces.device) - starts[owner]
    width = extent[0][owner]
    row = torch.div(within, width, rounding_mode="floor")
    corner = (face_mesh[faces] * resolution_px + first[1]) * resolution_px + first[0]
    return corner[owner] + row * (resolution_px - width) + within, faces[owner]


def _within_blur(
    corners: Float[Tensor, "3 3 f"],
    pixel: Int[Tensor, "p"],
    face: Int[Tensor, "p"],
    resolution_px: int,
    blur_radius: float,
) -> PixelFacePairs:
    seen = pair_geometry(corners.index_select(2, face), pixel_centres(pixel, resolution_px, corners.dtype))
    kept = ((seen.signed_distance < blur_radius) & seen.depth.isfinite()).nonzero().squeeze(1)
    return PixelFacePairs(pixel[kept], face[kept], seen.depth[kept])


def _parts(pixel: Int[Tensor, "p"], face: Int[Tensor, "p"]) -> Iterator[tuple[Tensor, Tensor]]:
    at_once = _PAIRS_IN_CACHE if pixel.device.type == "cpu" else _PAIRS_AT_ONCE
    return zip(pixel.split(at_once), face.split(at_once), strict=True)


def _concatenate(*parts: PixelFacePairs) -> PixelFacePairs:
    return PixelFacePairs(
        torch.cat([part.pixel for part in parts]),
        torch.cat([part.face for part in parts]),
        torch.cat([part.depth for part in parts]),
    )


def _keep_nearest(pairs: PixelFacePairs, faces_per_pixel: int) -> PixelFacePairs:
    # Positive floats compare as their bits do: one stable sort orders by pixel, then depth, then face.
    depth_bits = pairs.depth.float().contiguous().view(torch.int32).long()
    order = torch.sort((pairs.pixel << 32) | depth_bits, stable=True).indices
    pixel = pairs.pixel[order]
    order = order[pair_ranks(pixel) < faces_per_pixel]
    return PixelFacePairs(pairs.pixel[order], pairs.face[order], pairs.depth[order])


def pair_ranks(pixel: Int[Tensor, "p"]) -> Int[Tensor, "p"]:
    """Position of every pair among its pixel's, for pairs in order of pixel."""
    place = torch.arange(len(pixel), device=pixel.device)
    is_first = torch.ones_like(pixel, dtype=torch.bool)
    is_first[1:] = pixel[1:] != pixel[:-1]
    return place - torch.where(is_first, place, 0).cummax(0).values
