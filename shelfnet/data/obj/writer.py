"""Models rewritten as self-contained OBJ text, which every importer reads in the same way."""

import numpy as np
from jaxtyping import Bool, Float, Int

from shelfnet.data.obj.parser import NONE, ObjModel


def write_obj_text(model: ObjModel) -> bytes:
    """A model as OBJ statements: triangles in the order of the file's polygons, without degenerate ones."""
    vertices = np.concatenate([model.vertices, model.colours], axis=1) if len(model.colours) else model.vertices
    blocks = [_rows("v", vertices), _rows("vt", model.texture_points), _rows("vn", model.normals)]
    a, b, c = model.faces.T
    order = np.argsort(model.polygons, kind="stable")
    order = order[((a != b) & (b != c) & (c != a))[order]]
    textured, shaded = model.face_textures[:, 0] != NONE, model.face_normals[:, 0] != NONE
    kinds = np.stack([model.face_materials, model.smooth, textured, shaded], axis=1)[order]
    starts = np.flatnonzero((np.diff(kinds, axis=0, prepend=NONE - 1) != 0).any(axis=1))
    blocks += [_group(model, group) for group in np.split(order, starts[1:]) if len(group)]
    return "".join(blocks).encode()


def material_name(index: int) -> str:
    """Name of a material in the text."""
    return f"material_{index}"


def _rows(keyword: str, rows: Float[np.ndarray, "n k"]) -> str:
    line = keyword + " %.9g" * rows.shape[1] + "\n"
    return line * len(rows) % tuple(rows.ravel().tolist())


def _group(model: ObjModel, group: Int[np.ndarray, "k"]) -> str:
    """Consecutive triangles with the same material, smoothing and form of corner."""
    first = group[0]
    material = int(model.face_materials[first])
    head = ("" if material == NONE else f"usemtl {material_name(material)}\n") + f"s {int(model.smooth[first])}\n"
    columns = [model.faces[group], model.face_textures[group], model.face_normals[group]]
    present = np.array([True, columns[1][0, 0] != NONE, columns[2][0, 0] != NONE])
    numbers = np.stack(columns, axis=-1)[..., present] + 1
    return head + ("f" + 3 * f" {_corner(present)}" + "\n") * len(group) % tuple(numbers.ravel().tolist())


def _corner(present: Bool[np.ndarray, "3"]) -> str:
    """The form of a corner: ``v``, ``v/vt``, ``v//vn`` or ``v/vt/vn``."""
    _, textured, shaded = present
    return "%d" + ("/%d" if textured else "/" if shaded else "") + ("/%d" if shaded else "")
