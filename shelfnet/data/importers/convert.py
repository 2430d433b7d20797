"""A file of any readable format to one model in the layout of 3D-FUTURE, which everything after it reads."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from shelfnet.data.catalogue.dataset_layout import OBJ_NAME
from shelfnet.data.importers.baking import bake_colours
from shelfnet.data.importers.glb import read_glb
from shelfnet.data.importers.layout import write_model, write_parts
from shelfnet.data.importers.objs import coloured_part, moved_model
from shelfnet.data.importers.parts import Part
from shelfnet.data.importers.scans import read_ply, read_stl
from shelfnet.data.obj.materials import read_materials
from shelfnet.data.obj.reader import MAX_COORDINATE, ModelError, load_obj, load_obj_model

UP_AXES = {"y": np.eye(3), "z": np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])}
"""Rotations from a file's frame, by its up axis, to +Y up; the front of a +Z up file is -Y."""
READERS: dict[str, Callable[[Path, int], list[Part]]] = {".ply": read_ply, ".stl": read_stl}
SUFFIXES = (".glb", ".obj", *READERS)
"""Formats that can be read."""


@dataclass(frozen=True)
class Orientation:
    """The frame and the unit of files that say neither: OBJ, PLY and STL."""

    up_axis: str = "y"
    unit_m: float = 1.0

    @property
    def matrix(self) -> Float[np.ndarray, "3 3"]:
        """From the file's coordinates to metres, +Y up."""
        return self.unit_m * UP_AXES[self.up_axis]


def convert_model(source: Path, folder: Path, orientation: Orientation, max_faces: int) -> None:
    """Write one model's OBJ, MTL and textures: in metres, +Y up, base at y = 0, centred in x and z.

    What is written is read again by the workflow's own strict reader, so that the catalogue has nothing left to refuse.

    Args:
        source: a GLB, OBJ, PLY or STL file.
        folder: an empty one.
        orientation: of formats that do not state it.
        max_faces: largest number of triangles.

    Raises:
        ModelError: the file cannot be read or used; the message names it and says why.
    """
    suffix = source.suffix.lower()
    if suffix == ".obj":
        _convert_obj(source, max_faces, folder, orientation.matrix)
    elif suffix == ".glb":
        _convert_parts(read_glb(source, max_faces), folder, np.eye(3))
    elif suffix in READERS:
        _convert_parts(READERS[suffix](source, max_faces), folder, orientation.matrix)
    else:
        raise ModelError(
            f"{source.name}: cannot read {suffix or 'a file without a suffix'}, only {', '.join(SUFFIXES)}"
        )
    load_obj(folder / OBJ_NAME, max_faces)


def _convert_obj(source: Path, max_faces: int, folder: Path, matrix: Float[np.ndarray, "3 3"]) -> None:
    model = load_obj_model(source, max_faces)
    materials = read_materials(source.parent, model)
    part = coloured_part(model, materials)
    if part is not None:
        _convert_parts([part], folder, matrix)
        return
    used = model.vertices[np.unique(model.faces)] @ matrix.T
    write_model(folder, moved_model(model, matrix, -_base(used)), materials)


def _convert_parts(parts: list[Part], folder: Path, matrix: Float[np.ndarray, "3 3"]) -> None:
    used = np.concatenate([part.vertices[np.unique(part.faces)] for part in parts]) @ matrix.T
    if not (np.abs(used) <= MAX_COORDINATE).all():
        raise ModelError(f"expected finite coordinates up to {MAX_COORDINATE:g}")
    base = _base(used)
    rotation = matrix / np.linalg.norm(matrix[0])
    placed = [
        replace(
            part,
            vertices=np.nan_to_num(part.vertices @ matrix.T - base, posinf=0.0, neginf=0.0),
            normals=None if part.normals is None else part.normals @ rotation.T,
        )
        for part in parts
    ]
    write_parts(folder, [baked for part in placed for baked in bake_colours(part)])


def _base(points: Float[np.ndarray, "v 3"]) -> Float[np.ndarray, "3"]:
    """The middle of the bounding box's lower side."""
    low, high = points.min(axis=0), points.max(axis=0)
    return np.array([0.5 * (low[0] + high[0]), low[1], 0.5 * (low[2] + high[2])])
