"""Assemble parts into one indexed mesh with packed texture coordinates and smoothed normals."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import csr_matrix

from shelfnet.procedural.parts import FurniturePart, MaterialSlot

CREASE_DEG = 42.0

# Rows of the atlas from the bottom, as fractions of its height: (low, high).
REGIONS: dict[MaterialSlot, tuple[float, float]] = {
    MaterialSlot.BODY: (0.46, 1.0),
    MaterialSlot.FRAME: (0.1, 0.46),
    MaterialSlot.TRIM: (0.0, 0.1),
}
MIN_ATLAS_WIDTH_M = 0.55


@dataclass(frozen=True)
class FurnitureMesh:
    """Mesh of a piece of furniture in metres: base at y = 0, centred in x and z, front +Z.

    As in OBJ, faces index vertices, texture coordinates and normals separately.
    """

    vertices: Float[np.ndarray, "v 3"]
    faces: Int[np.ndarray, "f 3"]
    uvs: Float[np.ndarray, "t 2"]
    uv_faces: Int[np.ndarray, "f 3"]
    normals: Float[np.ndarray, "n 3"]
    normal_faces: Int[np.ndarray, "f 3"]

    def normalised_vertices(self) -> Float[np.ndarray, "v 3"]:
        """Vertices centred on their bounding box and scaled to a longest half-extent of 1."""
        low, high = self.vertices.min(axis=0), self.vertices.max(axis=0)
        return (self.vertices - 0.5 * (low + high)) / (0.5 * (high - low).max())


@dataclass(frozen=True)
class Assembly:
    """A mesh and the scale of its texture atlas: ``texture_px / width_m[slot]`` pixels per metre."""

    mesh: FurnitureMesh
    width_m: dict[MaterialSlot, float]


def assemble(parts: Sequence[FurniturePart], texture_px: int, rng: np.random.Generator) -> Assembly:
    """Join parts, place them on the floor and pack their charts into the atlas."""
    merged = _merge(parts)
    uvs, width_m = _pack_charts(merged, 1.0 / texture_px, rng)
    vertices = np.round(_place_on_floor(merged.vertices), 5)
    unique_uvs, uv_faces = _unique_rows(np.round(uvs.reshape(-1, 2), 5), 1e5)
    normals, normal_faces = _unique_rows(np.round(corner_normals(vertices, merged.faces), 4).reshape(-1, 3), 1e4)
    shape = merged.faces.shape
    mesh = FurnitureMesh(
        vertices, merged.faces, unique_uvs, uv_faces.reshape(shape), normals, normal_faces.reshape(shape)
    )
    return Assembly(mesh, width_m)


def corner_normals(vertices: Float[np.ndarray, "v 3"], faces: Int[np.ndarray, "f 3"]) -> Float[np.ndarray, "f 3 3"]:
    """Unit normal of every face corner, averaged by area over adjacent faces within the crease angle."""
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


def _merge(parts: Sequence[FurniturePart]) -> FurniturePart:
    first_vertex = np.cumsum([0, *[len(part.vertices) for part in parts]])
    first_chart = np.cumsum([0, *[int(part.charts.max()) + 1 for part in parts]])
    return FurniturePart(
        np.concatenate([part.vertices for part in parts]),
        np.concatenate([part.faces + first for part, first in zip(parts, first_vertex, strict=False)]),
        np.concatenate([part.uvs_m for part in parts]),
        np.concatenate([part.charts + first for part, first in zip(parts, first_chart, strict=False)]),
        np.concatenate([part.slots for part in parts]),
    )


def _place_on_floor(vertices: Float[np.ndarray, "v 3"]) -> Float[np.ndarray, "v 3"]:
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    centre = 0.5 * (low + high)
    return vertices - np.array([centre[0], low[1], centre[2]])


def _pack_charts(
    merged: FurniturePart, margin: float, rng: np.random.Generator
) -> tuple[Float[np.ndarray, "f 3 2"], dict[MaterialSlot, float]]:
    """Place every chart at random in the region of its slot; charts may overlap, since they show the same material."""
    count = int(merged.charts.max()) + 1
    low, high = np.full((count, 2), np.inf), np.full((count, 2), -np.inf)
    np.minimum.at(low, merged.charts, merged.uvs_m.min(axis=1))
    np.maximum.at(high, merged.charts, merged.uvs_m.max(axis=1))
    slot = np.zeros(count, dtype=np.int64)
    slot[merged.charts] = merged.slots
    used = np.isfinite(low[:, 0])
    extent = np.where(used[:, None], high - low, 0.0)
    width_m, origin, scale = {}, np.zeros((count, 2)), np.ones(count)
    draws = rng.random((count, 2))
    for kind, (bottom, top) in REGIONS.items():
        room = np.array([1.0, top - bottom]) - 2.0 * margin
        mine = slot == kind
        largest = extent[mine & used].max(axis=0, initial=0.0)
        width_m[kind] = float(max(MIN_ATLAS_WIDTH_M, *(largest / room)))
        slack = np.maximum(room - extent[mine] / width_m[kind], 0.0)
        origin[mine] = np.array([margin, bottom + margin]) + draws[mine] * slack
        scale[mine] = 1.0 / width_m[kind]
    start = np.where(used[:, None], low, 0.0)[merged.charts][:, None]
    placed = (merged.uvs_m - start) * scale[merged.charts][:, None, None] + origin[merged.charts][:, None]
    return np.clip(placed, 0.0, 1.0), width_m


def _unique_rows(
    rows: Float[np.ndarray, "n d"], resolution: float
) -> tuple[Float[np.ndarray, "m d"], Int[np.ndarray, "n"]]:
    """Unique rows of numbers rounded to ``1 / resolution``, and the index of each row among them."""
    lattice = np.rint(rows * resolution).astype(np.int64)
    lattice -= lattice.min(axis=0)
    key = np.zeros(len(rows), dtype=np.int64)
    for column in lattice.T:
        key = key * (int(resolution) * 2 + 1) + column
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    return rows[first], inverse.reshape(-1)
