"""Flat parts of a model that are far larger than the rest, such as floors and planes that catch shadows.

Some models of 3D-FUTURE contain such a plane. The object would be a dot on it after normalisation.
"""

import numpy as np
from jaxtyping import Bool, Float, Int

from shelfnet.geometry.meshes import Mesh, face_components

MIN_RATIO = 5.0
"""Longest side of such a part relative to the longest side of the rest."""
MAX_RELATIVE_THICKNESS = 1e-3
"""Thickness of a flat part relative to its longest side."""
MAX_PARTS = 16
"""Largest number of such parts, since a plane may consist of several pieces."""


def large_planes(mesh: Mesh) -> Bool[np.ndarray, "f"]:
    """The faces of flat connected parts whose longest side is more than five times that of all other parts together."""
    none = np.zeros(len(mesh.faces), dtype=bool)
    labels = face_components(mesh.faces)
    n_parts = int(labels.max()) + 1
    if n_parts < 2:
        return none
    low, high = _part_bounds(mesh, labels, n_parts)
    sides = (high - low).max(axis=1)
    by_size = np.argsort(-sides)
    rest_low = np.minimum.accumulate(low[by_size][::-1])[::-1]
    rest_high = np.maximum.accumulate(high[by_size][::-1])[::-1]
    rest_sides = (rest_high - rest_low).max(axis=1)[1:]
    far_larger = np.flatnonzero(sides[by_size][:-1] > MIN_RATIO * rest_sides)
    if len(far_larger) == 0 or far_larger[0] >= MAX_PARTS:
        return none
    candidates = by_size[: far_larger[0] + 1]
    flat = all(_is_flat(mesh.vertices[np.unique(mesh.faces[labels == part])]) for part in candidates)
    return np.isin(labels, candidates) if flat else none


def _part_bounds(
    mesh: Mesh, labels: Int[np.ndarray, "f"], n_parts: int
) -> tuple[Float[np.ndarray, "p 3"], Float[np.ndarray, "p 3"]]:
    """Lower and upper corner of the bounding box of each part."""
    order = np.argsort(labels, kind="stable")
    starts = np.searchsorted(labels[order], np.arange(n_parts))
    corners = mesh.triangles()[order]
    return np.minimum.reduceat(corners.min(axis=1), starts), np.maximum.reduceat(corners.max(axis=1), starts)


def _is_flat(points: Float[np.ndarray, "n 3"]) -> bool:
    centred = points - points.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    extents = np.ptp(centred @ axes.T, axis=0)
    return bool(extents[-1] <= MAX_RELATIVE_THICKNESS * extents.max())
