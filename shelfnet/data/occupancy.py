"""Solid occupancy of meshes that need not be watertight.

Furniture models often have open backs, single-sided panels and inverted faces, so neither parity nor winding numbers
separate inside from outside. Here, free cells that are connected to the border of the grid through their faces are
empty. All other cells are solid: those that the surface passes through, and those that it encloses. Panels thinner than
a cell become one cell thick, and an open box stays hollow. Predicted and true meshes must both be measured this way.
"""

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import ndimage

from shelfnet.geometry.meshes import Mesh

RESOLUTION = 32
INSET = 1e-6
"""Vertices shrink towards the centre by this fraction, so that a face between two cells fills only the inner one."""

_PAIRS_AT_ONCE = 1 << 17


def solid_occupancy(mesh: Mesh, resolution: int = RESOLUTION) -> Bool[np.ndarray, "z y x"]:
    """Cells of [-1/2, 1/2]^3 filled by a mesh in the object frame; parts outside the cube are ignored."""
    surface = surface_occupancy(mesh, resolution)
    regions = np.zeros((resolution + 2,) * 3, dtype=np.int32)
    ndimage.label(np.pad(~surface, 1, constant_values=True), output=regions)
    return (regions != regions[0, 0, 0])[1:-1, 1:-1, 1:-1]


def surface_occupancy(mesh: Mesh, resolution: int = RESOLUTION) -> Bool[np.ndarray, "z y x"]:
    """Cells that a triangle touches, by the exact separating-axis test of triangle and box."""
    grid = np.zeros((resolution,) * 3, dtype=bool)
    triangles = (mesh.triangles() * (1.0 - INSET) + 0.5) * resolution
    low = np.clip(np.floor(triangles.min(axis=1)), 0, resolution).astype(np.int64)
    high = np.clip(np.floor(triangles.max(axis=1)), -1, resolution - 1).astype(np.int64)
    spans = np.maximum(high - low + 1, 0)
    for chunk in _chunks(spans.prod(axis=1)):
        owners, cells = _pairs(low[chunk], spans[chunk])
        touched = cells[_touches(triangles[chunk][owners] - (cells[:, None, :] + 0.5))]
        grid[touched[:, 2], touched[:, 1], touched[:, 0]] = True
    return grid


def pack(occupancy: Bool[np.ndarray, "z y x"]) -> bytes:
    """Bits of a grid, C order."""
    return np.packbits(occupancy).tobytes()


def unpack(data: bytes, resolution: int = RESOLUTION) -> Bool[np.ndarray, "z y x"]:
    """The inverse of :func:`pack`.

    Raises:
        ValueError: The data have another size.
    """
    if len(data) != (resolution**3 + 7) // 8:
        raise ValueError(f"expected {(resolution**3 + 7) // 8} bytes of a {resolution}^3 grid, got {len(data)}")
    bits = np.unpackbits(np.frombuffer(data, dtype=np.uint8), count=resolution**3)
    return bits.astype(bool).reshape((resolution,) * 3)


def _chunks(counts: Int[np.ndarray, "f"]) -> list[Int[np.ndarray, "c"]]:
    """Chunks of faces with about ``_PAIRS_AT_ONCE`` pairs of face and cell each."""
    faces = np.flatnonzero(counts)
    edges = np.flatnonzero(np.diff(np.cumsum(counts[faces]) // _PAIRS_AT_ONCE)) + 1
    return [chunk for chunk in np.split(faces, edges) if len(chunk)]


def _pairs(
    low: Int[np.ndarray, "c 3"], spans: Int[np.ndarray, "c 3"]
) -> tuple[Int[np.ndarray, "p"], Int[np.ndarray, "p 3"]]:
    """Index of the triangle, and cell (x, y, z), for every cell in the bounding box of every triangle."""
    counts = spans.prod(axis=1)
    owners = np.repeat(np.arange(len(counts)), counts)
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    span = spans[owners]
    offsets = np.stack(
        [within % span[:, 0], within // span[:, 0] % span[:, 1], within // (span[:, 0] * span[:, 1])], -1
    )
    return owners, low[owners] + offsets


def _touches(triangles: Float[np.ndarray, "p 3 3"]) -> Bool[np.ndarray, "p"]:
    """Whether triangles whose bounding boxes meet the closed unit box about the origin touch it: no axis separates."""
    edges = np.roll(triangles, -1, axis=1) - triangles
    touching = _overlap(triangles, np.cross(edges[:, 0], edges[:, 1]))
    for edge in range(3):
        for unit in np.eye(3):
            touching &= _overlap(triangles, np.cross(unit, edges[:, edge]))
    return touching


def _overlap(triangles: Float[np.ndarray, "p 3 3"], axes: Float[np.ndarray, "p 3"]) -> Bool[np.ndarray, "p"]:
    shadow = np.einsum("pnc,pc->pn", triangles, axes)
    radius = 0.5 * np.abs(axes).sum(axis=1) * (1.0 + 1e-12)
    return (shadow.min(axis=1) <= radius) & (shadow.max(axis=1) >= -radius)
