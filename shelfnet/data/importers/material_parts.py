"""Common output of the importers: meshes split into parts with one material each."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from jaxtyping import Float, Int

from shelfnet.data.obj.materials import Material
from shelfnet.data.obj.reader import ModelError

MAX_PARTS = 50_000
"""Largest number of parts in a file, before parts of one material are merged."""
WHITE = Material((1.0, 1.0, 1.0))


class Wrap(Enum):
    """What a texture shows beyond its edge: itself, its mirror image, or its edge pixels."""

    REPEAT = "repeat"
    MIRROR = "mirror"
    CLAMP = "clamp"


REPEATED = (Wrap.REPEAT, Wrap.REPEAT)


@dataclass(frozen=True)
class MaterialPart:
    """Triangles with one material.

    Attributes:
        vertices: Positions.
        faces: Vertex indices.
        material: Base colour or texture.
        normals: Unit vertex normals, or ``None`` if the file has none.
        uv: Texture coordinates as in OBJ, with (0, 0) at the lower left.
        colours: Linear RGB vertex colours in [0, 1], multiplied with the material.
        wrap: Wrap modes of the texture in u and v.
    """

    vertices: Float[np.ndarray, "v 3"]
    faces: Int[np.ndarray, "f 3"]
    material: Material
    normals: Float[np.ndarray, "v 3"] | None = None
    uv: Float[np.ndarray, "v 2"] | None = None
    colours: Float[np.ndarray, "v 3"] | None = None
    wrap: tuple[Wrap, Wrap] = REPEATED


def check_counts(n_vertices: int, n_faces: int, max_faces: int) -> None:
    """Refuse a file by the counts in its header, with the limits of an OBJ file.

    Raises:
        ModelError: There are no faces, more than ``max_faces`` triangles, or more than four times as many vertices.
    """
    if n_faces < 1:
        raise ModelError("expected triangles, got none")
    if n_faces > max_faces:
        raise ModelError(f"expected at most {max_faces} triangles, got {n_faces}")
    if n_vertices > 4 * max_faces:
        raise ModelError(f"expected at most {4 * max_faces} vertices, got {n_vertices}")


def merge_parts(parts: Sequence[MaterialPart]) -> list[MaterialPart]:
    """Merge parts that share a material and have the same attributes, in order of first appearance."""
    groups: dict[tuple, list[MaterialPart]] = {}
    for part in parts:
        attributes = (part.normals is None, part.uv is None, part.colours is None)
        groups.setdefault((id(part.material), *attributes), []).append(part)
    return [_merge(group) for group in groups.values()]


def _merge(group: list[MaterialPart]) -> MaterialPart:
    def joined(name: str) -> np.ndarray | None:
        arrays = [getattr(part, name) for part in group]
        return None if arrays[0] is None else np.concatenate(arrays)

    starts = np.cumsum([0, *(len(part.vertices) for part in group[:-1])])
    return MaterialPart(
        vertices=np.concatenate([part.vertices for part in group]),
        faces=np.concatenate([part.faces + start for part, start in zip(group, starts, strict=True)]),
        material=group[0].material,
        normals=joined("normals"),
        uv=joined("uv"),
        colours=joined("colours"),
        wrap=group[0].wrap,
    )
