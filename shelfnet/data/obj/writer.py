"""A model as OBJ text of our own writing, which every importer reads alike: it refers to no other file."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int

from shelfnet.data.obj.parser import NONE, ObjModel
from shelfnet.data.obj.reader import load_obj_model

MAX_FACES = 50_000_000
"""Triangles; the configured limit is the catalogue's to keep."""


@dataclass(frozen=True)
class ObjText:
    """An OBJ that stands alone.

    Attributes:
        text: positions, texture coordinates, normals, triangles; ``usemtl`` names ``material_0``, ``material_1``, ...
        materials: the names that the file itself gives to these, in the same order.
        libraries: what the ``mtllib`` statements named.
    """

    text: bytes
    materials: tuple[str, ...]
    libraries: tuple[str, ...]


def read_obj_text(obj_path: Path) -> ObjText:
    """Read an OBJ file of any line ending and encoding, and write it anew.

    Raises:
        ModelError: there is no usable model in the file, or it is a link.
    """
    model = load_obj_model(obj_path, MAX_FACES)
    return ObjText(write_obj_text(model), model.materials, model.libraries)


def write_obj_text(model: ObjModel) -> bytes:
    """A model as OBJ statements: triangles in the order of the file's faces, without those that repeat a corner."""
    vertices = np.concatenate([model.vertices, model.colours], axis=1) if len(model.colours) else model.vertices
    blocks = [_rows("v", vertices), _rows("vt", model.texture_points), _rows("vn", model.normals)]
    a, b, c = model.faces.T
    order = np.argsort(model.polygons, kind="stable")
    order = order[((a != b) & (b != c) & (c != a))[order]]
    textured, shaded = model.face_textures[:, 0] != NONE, model.face_normals[:, 0] != NONE
    kinds = np.stack([model.face_materials, model.smooth, textured, shaded], axis=1)[order]
    starts = np.flatnonzero((np.diff(kinds, axis=0, prepend=NONE - 1) != 0).any(axis=1))
    blocks += [_run(model, run) for run in np.split(order, starts[1:]) if len(run)]
    return "".join(blocks).encode()


def material_name(index: int) -> str:
    """What the text calls its material number ``index``."""
    return f"material_{index}"


def _rows(keyword: str, rows: Float[np.ndarray, "n k"]) -> str:
    line = keyword + " %.9g" * rows.shape[1] + "\n"
    return line * len(rows) % tuple(rows.ravel().tolist())


def _run(model: ObjModel, run: Int[np.ndarray, "k"]) -> str:
    """Triangles of one material, smoothing and kind of corner."""
    first = run[0]
    material = int(model.face_materials[first])
    head = ("" if material == NONE else f"usemtl {material_name(material)}\n") + f"s {int(model.smooth[first])}\n"
    columns = [model.faces[run], model.face_textures[run], model.face_normals[run]]
    present = np.array([True, columns[1][0, 0] != NONE, columns[2][0, 0] != NONE])
    numbers = np.stack(columns, axis=-1)[..., present] + 1
    return head + ("f" + 3 * f" {_corner(present)}" + "\n") * len(run) % tuple(numbers.ravel().tolist())


def _corner(present: Bool[np.ndarray, "3"]) -> str:
    """The form of a corner: ``v``, ``v/vt``, ``v//vn`` or ``v/vt/vn``."""
    _, textured, shaded = present
    return "%d" + ("/%d" if textured else "/" if shaded else "") + ("/%d" if shaded else "")
