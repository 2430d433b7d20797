"""Search for the nearest faces of every pixel, and the geometry of a face at a pixel.

Screen coordinates are NDC: x right, y down, [-1, 1] over the square image. PyTorch3D's axes point left and up, so
squared distances are the same.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from shelfnet.renderer.compiled_loops import can_compile, for_each_object

NEAR_DEPTH = 1e-3
"""Faces with a corner closer to the camera plane than this, in object units, are culled."""

EPSILON = 1e-8
"""Threshold below which squared NDC lengths and doubled NDC areas count as zero (PyTorch3D's kEpsilon)."""

_PAIRS_IN_MEMORY = 1 << 20
"""Approximate bound on the number of candidate pairs in memory."""

_PAIRS_IN_CACHE = 1 << 15
"""Candidate pairs per chunk on a CPU, so that intermediate results stay in its cache."""


@dataclass(frozen=True)
class PixelFacePairs:
    """Pixels and the faces that cover or nearly cover them.

    Attributes:
        pixel: Flat index ``mesh * h * w + row * w + column``.
        face: Packed face index.
        depth: Depth of the face at the pixel along the camera's z axis.
    """

    pixel: Int[Tensor, "p"]
    face: Int[Tensor, "p"]
    depth: Float[Tensor, "p"]


@dataclass(frozen=True)
class PairGeometry:
    """Geometry of the face at the pixel of each pair.

    Attributes:
        barycentric: Perspective-correct barycentric coordinates, clipped to the face.
        depth: Depth along the camera's z axis.
        signed_distance: Squared NDC distance to the nearest edge, negative inside the face.
    """

    barycentric: Float[Tensor, "3 p"]
    depth: Float[Tensor, "p"]
    signed_distance: Float[Tensor, "p"]


def pair_geometry(corners: Float[Tensor, "3 3 p"], centres: Float[Tensor, "2 p"]) -> PairGeometry:
    """Geometry of each pair, differentiable in the corners.

    Args:
        corners: NDC x, NDC y and depth (first axis) of the three corners (second axis) of the faces.
        centres: NDC x and y of the pixel centres.
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
    along = -(to_corner * edge).sum(0) / length2.clamp(min=EPSILON)
    offset = to_corner + along.clamp(0.0, 1.0) * edge
    return offset.square().sum(0).amin(0)


def _perspective_correct(affine: Float[Tensor, "3 p"], depths: Float[Tensor, "3 p"]) -> Float[Tensor, "3 p"]:
    # Clipping before normalising keeps the sum positive for faces seen edge-on.
    weighted = affine.clamp(min=0.0) / depths
    return weighted / weighted.sum(0)


def pixel_centres(pixel: Int[Tensor, "p"], resolution_px: int, dtype: torch.dtype) -> Float[Tensor, "2 p"]:
    """NDC x and y of pixel centres, from flat pixel indices."""
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
    """The nearest faces by depth that cover each pixel or lie within the blur radius.

    Where numba is installed, float32 corners on a CPU are searched by :func:`find_nearest_faces`.

    Args:
        corners: NDC x, NDC y and depth (first axis) of the three corners (second axis) of the faces.
        face_mesh: Mesh index of each face, ascending.
        resolution_px: Side of the square images in pixels.
        faces_per_pixel: Number of faces kept per pixel.
        blur_radius: Squared NDC distance within which a face counts at pixels that it does not cover.

    Returns:
        At most ``faces_per_pixel`` pairs per pixel, sorted by pixel, then depth, then face.
    """
    if can_compile(corners) and len(face_mesh):
        n_meshes, face_corners = int(face_mesh[-1]) + 1, corners.permute(2, 1, 0).contiguous()
        nearest = find_nearest_faces(face_corners, face_mesh, n_meshes, resolution_px, faces_per_pixel, blur_radius)
        pixel, slot = (nearest.face.flatten(0, 1) >= 0).nonzero().unbind(1)
        return PixelFacePairs(pixel, *(value.flatten(0, 1)[pixel, slot] for value in (nearest.face, nearest.depth)))
    empty = torch.zeros(0, dtype=torch.int64, device=corners.device)
    best = PixelFacePairs(empty, empty, corners.new_zeros(0))
    for pixel, face in _candidates(corners, face_mesh, resolution_px, blur_radius):
        size = _PAIRS_IN_CACHE if pixel.device.type == "cpu" else _PAIRS_IN_MEMORY
        chunks = zip(pixel.split(size), face.split(size), strict=True)
        covering = [_within_blur(corners, *chunk, resolution_px, blur_radius) for chunk in chunks]
        best = _keep_nearest(_concatenate(best, *covering), faces_per_pixel)
    return best


@dataclass(frozen=True)
class NearestFaces:
    """Nearest faces of every pixel and their depths, nearest first; empty slots hold the face -1 and the depth 0."""

    face: Int[Tensor, "b p k"]
    depth: Float[Tensor, "b p k"]


def find_nearest_faces(
    face_corners: Float[Tensor, "f 3 3"],
    face_mesh: Int[Tensor, "f"],
    n_meshes: int,
    resolution_px: int,
    faces_per_pixel: int,
    blur_radius: float,
) -> NearestFaces:
    """:func:`nearest_pairs` in compiled loops, for float32 corners on a CPU.

    Args:
        face_corners: NDC x, NDC y and depth (last axis) of the three corners (second axis) of the faces.
        face_mesh: Mesh index of each face, ascending.
        n_meshes: Number of meshes.
        resolution_px: Side of the square images in pixels.
        faces_per_pixel: Number of faces kept per pixel.
        blur_radius: Squared NDC distance within which a face counts at pixels that it does not cover.
    """
    from shelfnet.renderer.raster_kernels import search_faces

    shape = (n_meshes, resolution_px**2, faces_per_pixel)
    nearest = NearestFaces(torch.full(shape, -1), face_corners.new_zeros(shape))
    ends = torch.bincount(face_mesh, minlength=n_meshes).cumsum(0).tolist()
    starts = [0, *ends]
    faces, depths, found = face_corners.numpy(), nearest.depth.numpy(), nearest.face.numpy()

    def search(mesh: int) -> None:
        first = starts[mesh]
        search_faces(faces[first : ends[mesh]], first, resolution_px, blur_radius, depths[mesh], found[mesh])

    for_each_object(search, n_meshes)
    return nearest


def _candidates(
    corners: Float[Tensor, "3 3 f"], face_mesh: Int[Tensor, "f"], resolution_px: int, blur_radius: float
) -> Iterator[tuple[Int[Tensor, "p"], Int[Tensor, "p"]]]:
    """Pixels and faces of all pairs whose pixel lies in the face's dilated bounding box, in chunks of bounded size."""
    faces = _visible(corners).nonzero().squeeze(1)
    first, extent = _pixel_boxes(corners[:2, :, faces], resolution_px, math.sqrt(blur_radius))
    for chunk in _chunk_faces(extent[0] * extent[1]):
        yield _box_pixels(first[:, chunk], extent[:, chunk], faces[chunk], face_mesh, resolution_px)


def _visible(corners: Float[Tensor, "3 3 f"]) -> Bool[Tensor, "f"]:
    x, y, depth = corners
    doubled_area = (x[1] - x[0]) * (y[2] - y[0]) - (y[1] - y[0]) * (x[2] - x[0])
    # Both comparisons are false for NaN corners.
    return (depth.amin(0) > NEAR_DEPTH) & (doubled_area.abs() > EPSILON)


def _pixel_boxes(
    screen: Float[Tensor, "2 3 f"], resolution_px: int, margin: float
) -> tuple[Int[Tensor, "2 f"], Int[Tensor, "2 f"]]:
    """Dilated bounding boxes of faces: first column and row, then number of columns and rows."""
    low = 0.5 * resolution_px * (screen.amin(1) - margin + 1.0) - 0.5
    high = 0.5 * resolution_px * (screen.amax(1) + margin + 1.0) - 0.5
    first = low.clamp(0.0, resolution_px).ceil().long()
    last = high.clamp(-1.0, resolution_px - 1.0).floor().long()
    return first, (last - first + 1).clamp(min=0)


def _chunk_faces(pixels_per_face: Int[Tensor, "f"]) -> Iterator[slice]:
    """Slices of consecutive faces with about ``_PAIRS_IN_MEMORY`` candidate pairs each."""
    group = torch.div(pixels_per_face.cumsum(0), _PAIRS_IN_MEMORY, rounding_mode="floor")
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
    """Flat pixel index and face index of every pixel in the boxes of ``faces``."""
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
    geometry = pair_geometry(corners.index_select(2, face), pixel_centres(pixel, resolution_px, corners.dtype))
    kept = ((geometry.signed_distance < blur_radius) & geometry.depth.isfinite()).nonzero().squeeze(1)
    return PixelFacePairs(pixel[kept], face[kept], geometry.depth[kept])


def _concatenate(*parts: PixelFacePairs) -> PixelFacePairs:
    return PixelFacePairs(
        torch.cat([part.pixel for part in parts]),
        torch.cat([part.face for part in parts]),
        torch.cat([part.depth for part in parts]),
    )


def _keep_nearest(pairs: PixelFacePairs, faces_per_pixel: int) -> PixelFacePairs:
    # Positive floats sort like their bit patterns, so one stable sort orders by pixel, then depth, then face.
    depth_bits = pairs.depth.float().contiguous().view(torch.int32).long()
    order = torch.sort((pairs.pixel << 32) | depth_bits, stable=True).indices
    pixel = pairs.pixel[order]
    order = order[pair_ranks(pixel) < faces_per_pixel]
    return PixelFacePairs(pairs.pixel[order], pairs.face[order], pairs.depth[order])


def pair_ranks(pixel: Int[Tensor, "p"]) -> Int[Tensor, "p"]:
    """Rank of each pair among the pairs of its pixel, for pairs sorted by pixel."""
    position = torch.arange(len(pixel), device=pixel.device)
    is_first = torch.ones_like(pixel, dtype=torch.bool)
    is_first[1:] = pixel[1:] != pixel[:-1]
    return position - torch.where(is_first, position, 0).cummax(0).values
