"""What the readers of other formats have in common: triangles with one material, before they are written as OBJ."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int

from shelfnet.data.obj.materials import Material
from shelfnet.data.obj.reader import ModelError

MAX_PARTS = 50_000
"""Parts that a file may have before those of one material are put together."""


@dataclass(frozen=True)
class Part:
    """Triangles with one material.

    Attributes:
        vertices: positions, +Y up, in metres.
        faces: vertex indices.
        material: what they look like.
        normals: unit vectors, where the file has them.
        uv: texture coordinates as OBJ has them, (0, 0) at the lower left.
        colours: linear RGB in [0, 1] that multiplies the material's.
    """

    vertices: Float[np.ndarray, "v 3"]
    faces: Int[np.ndarray, "f 3"]
    material: Material = field(default_factory=Material)
    normals: Float[np.ndarray, "v 3"] | None = None
    uv: Float[np.ndarray, "v 2"] | None = None
    colours: Float[np.ndarray, "v 3"] | None = None


def check_counts(n_vertices: int, n_faces: int, max_faces: int) -> None:
    """Refuse a file by what it announces, before any of it is read; the limits are those of an OBJ.

    Raises:
        ModelError: no faces, or more triangles than ``max_faces`` or more vertices than four times as many.
    """
    if n_faces < 1:
        raise ModelError("expected triangles, got none")
    if n_faces > max_faces:
        raise ModelError(f"expected at most {max_faces} triangles, got {n_faces}")
    if n_vertices > 4 * max_faces:
        raise ModelError(f"expected at most {4 * max_faces} vertices, got {n_vertices}")


def merge_parts(parts: Sequence[Part]) -> list[Part]:
    """Parts that share a material and have the same arrays, put together, in the order of their first ones."""
    groups: dict[tuple, list[Part]] = {}
    for part in parts:
        arrays = (part.normals is None, part.uv is None, part.colours is None)
        groups.setdefault((id(part.material), *arrays), []).append(part)
    return [_merged(group) for group in groups.values()]


def _merged(group: list[Part]) -> Part:
    if len(group) == 1:
        return group[0]
    counts = [len(part.vertices) for part in group]
    first = np.cumsum([0, *counts[:-1]])

    def stacked(name: str):
        arrays = [getattr(part, name) for part in group]
        return None if arrays[0] is None else np.concatenate(arrays)

    return Part(
        vertices=np.concatenate([part.vertices for part in group]),
        faces=np.concatenate([part.faces + start for part, start in zip(group, first, strict=True)]),
        material=group[0].material,
        normals=stacked("normals"),
        uv=stacked("uv"),
        colours=stacked("colours"),
    )
