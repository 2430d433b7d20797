"""Render a thumbnail of a piece with a NumPy z-buffer, from the front right on white."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt8
from PIL import Image

from shelfnet.procedural.assembly import FurnitureMesh

AZIMUTH_DEG, ELEVATION_DEG, DISTANCE = 35.0, 18.0, 5.5
FILLED_SHARE = 0.9
SUPERSAMPLING = 2
LIGHT = np.array([0.25, 0.8, 0.55]) / np.linalg.norm([0.25, 0.8, 0.55])
Floats = Float[np.ndarray, "..."]


@dataclass(frozen=True)
class PixelFragments:
    """Fragments of all faces: pixel index, depth, face and screen-space barycentric weights."""

    pixel: Int[np.ndarray, "n"]
    depth: Float[np.ndarray, "n"]
    face: Int[np.ndarray, "n"]
    weights: Float[np.ndarray, "n 3"]


def draw_thumbnail(mesh: FurnitureMesh, texture: UInt8[np.ndarray, "t t 3"], size_px: int) -> Image.Image:
    """Render the textured and lit mesh on white."""
    side = SUPERSAMPLING * size_px
    screen, depth = _projected(mesh.normalised_vertices(), side)
    fragments = _visible(_rasterised(screen, depth, mesh.faces, side), side)
    inverse = fragments.weights / depth[mesh.faces[fragments.face]]
    weights = inverse / inverse.sum(axis=1, keepdims=True)
    uv = np.einsum("nk,nkd->nd", weights, mesh.uvs[mesh.uv_faces[fragments.face]])
    normal = np.einsum("nk,nkd->nd", weights, mesh.normals[mesh.normal_faces[fragments.face]])
    light = 0.55 + 0.5 * np.clip(normal @ LIGHT, 0.0, 1.0) + 0.08 * normal[:, 0]
    canvas = np.full((side * side, 3), 255.0)
    canvas[fragments.pixel] = _texels(texture, uv) * light[:, None]
    pixels = np.clip(canvas, 0.0, 255.0).astype(np.uint8).reshape(side, side, 3)
    return Image.fromarray(pixels).resize((size_px, size_px), Image.Resampling.BOX)


def _projected(
    vertices: Float[np.ndarray, "v 3"], side: int
) -> tuple[Float[np.ndarray, "v 2"], Float[np.ndarray, "v"]]:
    """Pixel coordinates (right, down) in a view fitted to the mesh, and depth."""
    azimuth, elevation = np.radians(AZIMUTH_DEG), np.radians(ELEVATION_DEG)
    right = np.array([np.cos(azimuth), 0.0, -np.sin(azimuth)])
    outward = np.array([np.sin(azimuth) * np.cos(elevation), np.sin(elevation), np.cos(azimuth) * np.cos(elevation)])
    up = np.cross(outward, right)
    depth = DISTANCE - vertices @ outward
    plane = np.stack([vertices @ right, -(vertices @ up)], axis=1) / depth[:, None]
    low, high = plane.min(axis=0), plane.max(axis=0)
    focal = FILLED_SHARE * side / float((high - low).max())
    return focal * (plane - 0.5 * (low + high)) + 0.5 * side, depth


def _rasterised(
    screen: Float[np.ndarray, "v 2"], depth: Float[np.ndarray, "v"], faces: Int[np.ndarray, "f 3"], side: int
) -> PixelFragments:
    """Fragments of all front-facing triangles: rows of each face, then pixels of each row."""
    a, b, c = np.moveaxis(screen[faces], 1, 0)
    doubled_area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    front = np.flatnonzero(doubled_area < -1e-9)
    across, down, constant = _edge_functions(screen[faces[front]], doubled_area[front])
    y_low, y_high = screen[faces[front], 1].min(axis=1), screen[faces[front], 1].max(axis=1)
    first_row, last_row = _pixel_range(y_low, y_high, side)
    of_row, row = _counted(first_row, last_row)
    slope, level = across[of_row], constant[of_row] + down[of_row] * (row + 0.5)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        crossing = -level / slope
    left = np.where(slope > 0.0, crossing, -np.inf).max(axis=1)
    right = np.where(slope < 0.0, crossing, np.inf).min(axis=1)
    of_pixel, column = _counted(*_pixel_range(left, right, side))
    local = of_row[of_pixel]
    weights = level[of_pixel] + slope[of_pixel] * (column + 0.5)[:, None]
    face = front[local]
    z = 1.0 / (weights / depth[faces[face]]).sum(axis=1)
    return PixelFragments(row[of_pixel] * side + column, z, face, weights)


def _edge_functions(corners: Float[np.ndarray, "f 3 2"], doubled_area: Float[np.ndarray, "f"]) -> tuple[Floats, ...]:
    """Barycentric weights as ``across * x + down * y + constant``, each ``f 3``."""
    p, q = np.roll(corners, -1, axis=1), np.roll(corners, -2, axis=1)
    across = -(q[..., 1] - p[..., 1]) / doubled_area[:, None]
    down = (q[..., 0] - p[..., 0]) / doubled_area[:, None]
    return across, down, -(across * p[..., 0] + down * p[..., 1])


def _pixel_range(
    low: Float[np.ndarray, "n"], high: Float[np.ndarray, "n"], side: int
) -> tuple[Int[np.ndarray, "n"], Int[np.ndarray, "n"]]:
    """First and last pixel with its centre between two coordinates; last < first if there is none."""
    first = np.ceil(np.clip(low, 0.0, side) - 0.5).astype(np.int64)
    last = np.floor(np.clip(high, 0.0, side) - 0.5).astype(np.int64)
    return first, np.minimum(last, side - 1)


def _counted(
    first: Int[np.ndarray, "n"], last: Int[np.ndarray, "n"]
) -> tuple[Int[np.ndarray, "m"], Int[np.ndarray, "m"]]:
    """Range index and value of every integer in the given ranges."""
    lengths = np.maximum(last - first + 1, 0)
    owner = np.repeat(np.arange(len(first)), lengths)
    before = np.cumsum(lengths) - lengths
    return owner, np.arange(len(owner)) - before[owner] + first[owner]


def _visible(fragments: PixelFragments, side: int) -> PixelFragments:
    """Nearest fragment of every covered pixel."""
    order = np.argsort(-fragments.depth, kind="stable")
    nearest = np.full(side * side, -1, dtype=np.int64)
    nearest[fragments.pixel[order]] = order
    kept = nearest[nearest >= 0]
    return PixelFragments(fragments.pixel[kept], fragments.depth[kept], fragments.face[kept], fragments.weights[kept])


def _texels(texture: UInt8[np.ndarray, "t t 3"], uv: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 3"]:
    side = len(texture)
    column = np.clip((uv[:, 0] * side).astype(np.int64), 0, side - 1)
    row = np.clip(((1.0 - uv[:, 1]) * side).astype(np.int64), 0, side - 1)
    return texture[row, column].astype(np.float64)
