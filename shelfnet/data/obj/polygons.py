"""Triangulation of polygons with any number of corners."""

import mapbox_earcut
import numpy as np
from jaxtyping import Bool, Float, Int

MAX_CONCAVE_WORK = 1 << 32
"""Limit of the sum of squared corner counts of concave polygons, reached by one polygon of 65 536 corners.

The time of ear clipping is quadratic at worst: such a polygon took up to 6 seconds.
"""

MAX_CROSSING_CORNERS = 256
"""Largest polygon that may cross itself. Its surface is not defined, but small ones hardly change a model."""
AREA_TOLERANCE = 1e-3
"""Relative difference between the areas of an outline and of its triangles above which the outline crosses itself."""


def triangulate(
    vertices: Float[np.ndarray, "v 3"], corners: Int[np.ndarray, "c"], sizes: Int[np.ndarray, "p"]
) -> Int[np.ndarray, "f 3"]:
    """Triangles of polygons with the same orientation: fans of convex polygons, ear clipping of concave ones.

    The result is ordered by the size of the polygons, smallest first. Concave polygons may lose corners on straight
    edges; polygons without an area become fans.

    Args:
        vertices: Positions.
        corners: Vertex indices of all polygons, concatenated.
        sizes: Number of corners of each polygon, at least 3.

    Raises:
        ValueError: The concave polygons are too large or too many for bounded time, or a large one crosses itself.
    """
    starts = np.cumsum(sizes) - sizes
    parts, work = [np.empty((0, 3), dtype=np.int64)], 0
    for size in np.unique(sizes).tolist():
        polygons = corners[starts[sizes == size, None] + np.arange(size)]
        if size == 3:
            parts.append(polygons)
            continue
        flat = _flatten(vertices[polygons])
        if size == 4:
            parts.append(_fans(_from_reflex_corner(flat, polygons)).reshape(-1, 3))
            continue
        convex = _is_convex(flat)
        parts.append(_fans(polygons[convex]).reshape(-1, 3))
        concave = np.flatnonzero(~convex)
        work += len(concave) * size**2
        if work > MAX_CONCAVE_WORK:
            raise ValueError(f"too many or too large concave faces: {len(concave)} with {size} corners")
        parts += [polygons[index][_clip_ears(flat[index])] for index in concave]
    return np.concatenate(parts)


def _fans(polygons: Int[np.ndarray, "m n"]) -> Int[np.ndarray, "m k 3"]:
    hubs = np.broadcast_to(polygons[:, :1], (len(polygons), polygons.shape[1] - 2))
    return np.stack([hubs, polygons[:, 1:-1], polygons[:, 2:]], axis=-1)


def _from_reflex_corner(flat: Float[np.ndarray, "m 4 2"], quads: Int[np.ndarray, "m 4"]) -> Int[np.ndarray, "m 4"]:
    """Quads rotated to start at their reflex corner, from which a fan is valid; convex quads are unchanged."""
    turns = _cross(flat - np.roll(flat, 1, axis=1), np.roll(flat, -1, axis=1) - flat)
    first = np.where(turns.min(axis=1) < 0.0, turns.argmin(axis=1), 0)
    return np.take_along_axis(quads, (first[:, None] + np.arange(4)) % 4, axis=1)


def _flatten(corners: Float[np.ndarray, "m n 3"]) -> Float[np.ndarray, "m n 2"]:
    """Corners projected onto the plane of Newell's normal, counter-clockwise, at unit size."""
    local = corners - corners.mean(axis=1, keepdims=True)
    local = local / np.maximum(np.abs(local).max(axis=(1, 2), keepdims=True), np.finfo(float).tiny)
    normal = np.cross(local, np.roll(local, -1, axis=1)).sum(axis=1)
    normal = normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-30)
    helper = np.eye(3)[np.abs(normal).argmin(axis=1)]
    first = np.cross(helper, normal)
    first = first / np.maximum(np.linalg.norm(first, axis=1, keepdims=True), 1e-30)
    second = np.cross(normal, first)
    return np.stack([np.einsum("mnc,mc->mn", local, axis) for axis in (first, second)], axis=-1)


def _is_convex(flat: Float[np.ndarray, "m n 2"]) -> Bool[np.ndarray, "m"]:
    """Whether the boundary only turns left, and by one full turn in total."""
    edges = np.roll(flat, -1, axis=1) - flat
    following = np.roll(edges, -1, axis=1)
    turns = _cross(edges, following)
    angles = np.arctan2(turns, (edges * following).sum(axis=-1))
    return (turns > -1e-9).all(axis=1) & (np.abs(angles.sum(axis=1)) < 3 * np.pi)


def _clip_ears(flat: Float[np.ndarray, "n 2"]) -> Int[np.ndarray, "k 3"]:
    """Triangles of an outline; a fan if it has no area."""
    rings = np.array([len(flat)], dtype=np.uint32)
    triangles = mapbox_earcut.triangulate_float64(np.ascontiguousarray(flat), rings).reshape(-1, 3).astype(np.int64)
    if len(flat) > MAX_CROSSING_CORNERS:
        a, b, c = np.moveaxis(flat[triangles], 1, 0)
        covered, area = np.abs(_cross(b - a, c - a)).sum(), np.abs(_cross(flat, np.roll(flat, -1, axis=0)).sum())
        if not abs(covered - area) <= AREA_TOLERANCE * area:
            raise ValueError(f"the outline of a face with {len(flat)} corners crosses itself")
    return triangles if len(triangles) else _fans(np.arange(len(flat))[None])[0]


def _cross(a: Float[np.ndarray, "*#n 2"], b: Float[np.ndarray, "*#n 2"]) -> Float[np.ndarray, "*#n"]:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
