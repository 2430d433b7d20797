"""Triangulation of polygons with any number of corners."""

import numpy as np
from jaxtyping import Bool, Float, Int

MAX_CONCAVE_CORNERS = 256
MAX_CONCAVE_WORK = 1 << 20
"""Limit of the sum of squared corner counts: ear clipping is quadratic and must end in bounded time."""


def triangulate(
    vertices: Float[np.ndarray, "v 3"], corners: Int[np.ndarray, "c"], sizes: Int[np.ndarray, "p"]
) -> Int[np.ndarray, "f 3"]:
    """Triangles of polygons with the same orientation: fans of convex polygons, ear clipping of concave ones.

    The result is ordered by the size of the polygons, smallest first. Degenerate polygons become fans.

    Args:
        vertices: Positions.
        corners: Vertex indices of all polygons, concatenated.
        sizes: Number of corners of each polygon, at least 3.

    Raises:
        ValueError: The concave polygons are too large or too many for bounded time.
    """
    starts = np.cumsum(sizes) - sizes
    parts, work = [np.empty((0, 3), dtype=np.int64)], 0
    for size in np.unique(sizes).tolist():
        polygons = corners[starts[sizes == size, None] + np.arange(size)]
        concave = np.flatnonzero(~_is_convex(_flatten(vertices[polygons]))) if size > 3 else np.empty(0, dtype=np.int64)
        if size == 4:
            polygons, concave = _from_reflex_corner(vertices, polygons), concave[:0]
        work += len(concave) * size**2
        if len(concave) and (size > MAX_CONCAVE_CORNERS or work > MAX_CONCAVE_WORK):
            raise ValueError(f"too many or too large concave faces: {len(concave)} with {size} corners")
        triangles = _fans(polygons)
        for index in concave:
            triangles[index] = polygons[index][_clip_ears(_flatten(vertices[polygons[index, None]])[0])]
        parts.append(triangles.reshape(-1, 3))
    return np.concatenate(parts)


def _fans(polygons: Int[np.ndarray, "m n"]) -> Int[np.ndarray, "m k 3"]:
    hubs = np.broadcast_to(polygons[:, :1], (len(polygons), polygons.shape[1] - 2))
    return np.stack([hubs, polygons[:, 1:-1], polygons[:, 2:]], axis=-1)


def _from_reflex_corner(vertices: Float[np.ndarray, "v 3"], quads: Int[np.ndarray, "m 4"]) -> Int[np.ndarray, "m 4"]:
    """Quads rotated to start at their reflex corner, from which a fan is valid; convex quads are unchanged."""
    flat = _flatten(vertices[quads])
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
    remaining = list(range(len(flat)))
    triangles = []
    while len(remaining) > 3:
        ear = _find_ear(flat[remaining])
        before, after = (ear - 1) % len(remaining), (ear + 1) % len(remaining)
        triangles.append([remaining[before], remaining[ear], remaining[after]])
        del remaining[ear]
    return np.array([*triangles, remaining])


def _find_ear(flat: Float[np.ndarray, "n 2"]) -> int:
    """A corner whose triangle is inside and contains no other; the flattest corner of a self-intersecting outline."""
    before, after = np.roll(flat, 1, axis=0), np.roll(flat, -1, axis=0)
    turns = _cross(flat - before, after - flat)
    for corner in np.argsort(-turns):
        if turns[corner] <= 0.0:
            break
        a, b, c = before[corner], flat[corner], after[corner]
        inside = (_cross(b - a, flat - a) >= 0) & (_cross(c - b, flat - b) >= 0) & (_cross(a - c, flat - c) >= 0)
        is_corner = (flat == a).all(axis=1) | (flat == b).all(axis=1) | (flat == c).all(axis=1)
        if not (inside & ~is_corner).any():
            return int(corner)
    return int(np.abs(turns).argmin())


def _cross(a: Float[np.ndarray, "*#n 2"], b: Float[np.ndarray, "*#n 2"]) -> Float[np.ndarray, "*#n"]:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
