"""Parts put together: one indexed mesh with packed texture coordinates and smoothed normals."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import csr_matrix

from shelfnet.procedural.parts import Part, Surface

CREASE_DEG = 42.0

# Rows of the atlas from the bottom, as fractions of its height: (low, high).
REGIONS: dict[Surface, tuple[float, float]] = {
    Surface.BODY: (0.46, 1.0),
    Surface.FRAME: (0.1, 0.46),
    Surface.TRIM: (0.0, 0.1),
}
MIN_ATLAS_WIDTH_M = 0.55


@dataclass(frozen=True)
class Model:
    """A piece of furniture in metres: base at y = 0, centred in x and z, front +Z.

    Faces index vertices, texture coordinates and normals separately, as OBJ does.
    """

    vertices: Float[np.ndarray, "v 3"]
    faces: Int[np.ndarray, "f 3"]
    uvs: Float[np.ndarray, "t 2"]
    uv_faces: Int[np.ndarray, "f 3"]
    normals: Float[np.ndarray, "n 3"]
    normal_faces: Int[np.ndarray, "f 3"]

    def normalised(self) -> Float[np.ndarray, "v 3"]:
        """Vertices about their bounding box's centre, with longest half-extent 1."""
        low, high = self.vertices.min(axis=0), self.vertices.max(axis=0)
        return (self.vertices - 0.5 * (low + high)) / (0.5 * (high - low).max())


@dataclass(frozen=True)
class Assembly:
    """A model and the scale of its atlas: pixels a metre are ``texture_px / width_m[surface]``."""

    model: Model
    width_m: dict[Surface, float]


def assemble(parts: Sequence[Part], texture_px: int, rng: np.random.Generator) -> Assembly:
    """Join parts, set them on the floor and pack their charts into the atlas."""
    merged = _merged(parts)
    uvs, width_m = _packed(merged, 1.0 / texture_px, rng)
    vertices = np.round(_grounded(merged.vertices), 5)
    unique_uvs, uv_faces = _distinct(np.round(uvs.reshape(-1, 2), 5), 1e5)
    normals, normal_faces = _distinct(np.round(corner_normals(vertices, merged.faces), 4).reshape(-1, 3), 1e4)
    shape = merged.faces.shape
    model = Model(vertices, merged.faces, unique_uvs, uv_faces.reshape(shape), normals, normal_faces.reshape(shape))
    return Assembly(model, width_m)


def corner_normals(vertices: Float[np.ndarray, "v 3"], faces: Int[np.ndarray, "f 3"]) -> Float[np.ndarray, "f 3 3"]:
    """Unit normals of every corner: area-weighted over faces at its vertex that meet below the crease angle."""
    a, b, c = np.moveaxis(vertices[faces], 1, 0)
    weighted = np.cross(b - a, c - a)
    unit = weighted / np.maximum(np.linalg.norm(weighted, axis=1, keepdims=True), 1e-30)
    corners = np.arange(faces.size)
    incidence = csr_matrix((np.ones(faces.size), (corners, faces.ravel())), shape=(faces.size, len(vertices)))
    pairs = (incidence @ incidence.T).tocoo()
    here, there = pairs.row // 3, pairs.col // 3
    near = np.einsum("ij,ij->i", unit[here], unit[there]) > np.cos(np.radians(CREASE_DEG))
    row, neighbour = pairs.row[near], there[near]
    sums = [np.bincount(row, weighted[neighbour, axis], minlength=faces.size) for axis in range(3)]
    summed = np.stack(sums, axis=1)
    lengths = np.linalg.norm(summed, axis=1, keepdims=True)
    smooth = np.where(lengths > 1e-15, summed / np.maximum(lengths, 1e-15), np.repeat(unit, 3, axis=0))
    return smooth.reshape(-1, 3, 3)


def _merged(parts: Sequence[Part]) -> Part:
    first_vertex = np.cumsum([0, *[len(part.vertices) for part in parts]])
    first_chart = np.cumsum([0, *[int(part.charts.max()) + 1 for part in parts]])
    return Part(
        np.concatenate([part.vertices for part in parts]),
        np.concatenate([part.faces + first for part, first in zip(parts, first_vertex, strict=False)]),
        np.concatenate([part.uvs_m for part in parts]),
        np.concatenate([part.charts + first for part, first in zip(parts, first_chart, strict=False)]),
        np.concatenate([part.surfaces for part in parts]),
    )


def _grounded(vertices: Float[np.ndarray, "v 3"]) -> Float[np.ndarray, "v 3"]:
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    centre = 0.5 * (low + high)
    return vertices - np.array([centre[0], low[1], centre[2]])


def _packed(
    merged: Part, margin: float, rng: np.random.Generator
) -> tuple[Float[np.ndarray, "f 3 2"], dict[Surface, float]]:
    """Charts laid at random places of their surface's region; they may overlap, as they show the same stuff."""
    count = int(merged.charts.max()) + 1
    low, high = np.full((count, 2), np.inf), np.full((count, 2), -np.inf)
    np.minimum.at(low, merged.charts, merged.uvs_m.min(axis=1))
    np.maximum.at(high, merged.charts, merged.uvs_m.max(axis=1))
    surface = np.zeros(count, dtype=np.int64)
    surface[merged.charts] = merged.surfaces
    used = np.isfinite(low[:, 0])
    extent = np.where(used[:, None], high - low, 0.0)
    width_m, origin, scale = {}, np.zeros((count, 2)), np.ones(count)
    draws = rng.random((count, 2))
    for kind, (bottom, top) in REGIONS.items():
        room = np.array([1.0, top - bottom]) - 2.0 * margin
        mine = surface == kind
        largest = extent[mine & used].max(axis=0, initial=0.0)
        width_m[kind] = float(max(MIN_ATLAS_WIDTH_M, *(largest / room)))
        slack = np.maximum(room - extent[mine] / width_m[kind], 0.0)
        origin[mine] = np.array([margin, bottom + margin]) + draws[mine] * slack
        scale[mine] = 1.0 / width_m[kind]
    start = np.where(used[:, None], low, 0.0)[merged.charts][:, None]
    placed = (merged.uvs_m - start) * scale[merged.charts][:, None, None] + origin[merged.charts][:, None]
    return np.clip(placed, 0.0, 1.0), width_m


def _distinct(
    rows: Float[np.ndarray, "n d"], resolution: float
) -> tuple[Float[np.ndarray, "m d"], Int[np.ndarray, "n"]]:
    """Distinct rows of numbers rounded to ``1 / resolution``, and where each row went."""
    lattice = np.rint(rows * resolution).astype(np.int64)
    lattice -= lattice.min(axis=0)
    key = np.zeros(len(rows), dtype=np.int64)
    for column in lattice.T:
        key = key * (int(resolution) * 2 + 1) + column
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    return rows[first], inverse.reshape(-1)
