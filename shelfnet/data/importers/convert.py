"""Convert one model file of any supported format to the 3D-FUTURE layout."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from shelfnet.data.catalogue.dataset_layout import OBJ_NAME
from shelfnet.data.importers.baking import bake_vertex_colours
from shelfnet.data.importers.future3d_writer import write_model, write_parts
from shelfnet.data.importers.glb import import_glb
from shelfnet.data.importers.material_parts import WHITE, MaterialPart
from shelfnet.data.importers.ply import import_ply
from shelfnet.data.importers.stl import import_stl
from shelfnet.data.obj.appearance import place_textures
from shelfnet.data.obj.materials import ModelMaterials, read_materials
from shelfnet.data.obj.parser import NONE, ObjModel
from shelfnet.data.obj.reader import MAX_COORDINATE, ModelError, load_obj, load_obj_model
from shelfnet.geometry.colours import linear_from_srgb

UP_AXES = {"y": np.eye(3), "z": np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])}
"""Rotations to +Y up by the up axis of a file. The front of a +Z up file is -Y."""
SUFFIXES = (".glb", ".obj", ".ply", ".stl")
"""Supported formats."""


@dataclass(frozen=True)
class Orientation:
    """Up axis and unit of formats that do not define them: OBJ, PLY and STL."""

    up_axis: str = "y"
    unit_m: float = 1.0

    @property
    def matrix(self) -> Float[np.ndarray, "3 3"]:
        """Transform from file coordinates to metres, +Y up."""
        return self.unit_m * UP_AXES[self.up_axis]


def convert_model(source: Path, folder: Path, orientation: Orientation, max_faces: int) -> None:
    """Write the OBJ, MTL and textures of one model: in metres, +Y up, base at y = 0, centred in x and z.

    The result is read again by the strict OBJ reader of the workflow, so that the catalogue need not refuse it later.

    Args:
        source: GLB, OBJ, PLY or STL file.
        folder: Empty output folder.
        orientation: Up axis and unit of formats that do not define them.
        max_faces: Largest number of triangles.

    Raises:
        ModelError: The file cannot be read or used; the message names it.
    """
    suffix = source.suffix.lower()
    if suffix == ".obj":
        _convert_obj(source, max_faces, folder, orientation.matrix)
    elif suffix == ".glb":
        _convert_parts(import_glb(source, max_faces), folder, np.eye(3))
    elif suffix == ".ply":
        _convert_parts(import_ply(source, max_faces), folder, orientation.matrix)
    elif suffix == ".stl":
        _convert_parts(import_stl(source, max_faces), folder, orientation.matrix)
    else:
        raise ModelError(f"{source.name}: expected one of {', '.join(SUFFIXES)}, got {suffix or 'no suffix'}")
    load_obj(folder / OBJ_NAME, max_faces)


def vertex_coloured_part(model: ObjModel, materials: ModelMaterials) -> MaterialPart | None:
    """Triangles of an OBJ with the vertex colours of ``v x y z r g b`` lines.

    Colours are sRGB, up to 1 or up to 255. Returns ``None`` if there are none, or if the model has materials.
    """
    has_material = (model.face_materials != NONE).any() or materials.unnamed.texture is not None
    if has_material or not len(model.colours):
        return None
    scale = 255.0 if model.colours.max() > 1.0 else 1.0
    colours = linear_from_srgb((model.colours / scale).clip(0.0, 1.0))
    return MaterialPart(model.vertices, model.faces, WHITE, colours=colours)


def transform_obj(model: ObjModel, matrix: Float[np.ndarray, "3 3"], offset: Float[np.ndarray, "3"]) -> ObjModel:
    """Map positions by ``matrix @ x + offset`` and rotate normals alike; vertex colours are dropped."""
    return replace(
        model,
        vertices=model.vertices @ matrix.T + offset,
        normals=model.normals @ _rotation(matrix).T,
        colours=np.empty((0, 3)),
    )


def _convert_obj(source: Path, max_faces: int, folder: Path, matrix: Float[np.ndarray, "3 3"]) -> None:
    model = load_obj_model(source, max_faces)
    materials = read_materials(source.parent, model.materials, model.libraries)
    model = place_textures(model, materials)
    part = vertex_coloured_part(model, materials)
    if part is not None:
        _convert_parts([part], folder, matrix)
        return
    used = model.vertices[np.unique(model.faces)] @ matrix.T
    write_model(folder, transform_obj(model, matrix, -_base_centre(used)), materials)


def _convert_parts(parts: list[MaterialPart], folder: Path, matrix: Float[np.ndarray, "3 3"]) -> None:
    used = np.concatenate([part.vertices[np.unique(part.faces)] for part in parts]) @ matrix.T
    if not (np.abs(used) <= MAX_COORDINATE).all():
        raise ModelError(f"expected finite coordinates up to {MAX_COORDINATE:g}")
    base = _base_centre(used)
    placed = [
        replace(
            part,
            vertices=np.nan_to_num(part.vertices @ matrix.T - base, posinf=0.0, neginf=0.0),
            normals=None if part.normals is None else part.normals @ _rotation(matrix).T,
        )
        for part in parts
    ]
    write_parts(folder, [baked for part in placed for baked in bake_vertex_colours(part)])


def _rotation(matrix: Float[np.ndarray, "3 3"]) -> Float[np.ndarray, "3 3"]:
    return matrix / np.linalg.norm(matrix[0])


def _base_centre(points: Float[np.ndarray, "v 3"]) -> Float[np.ndarray, "3"]:
    """Centre of the lower side of the bounding box."""
    low, high = points.min(axis=0), points.max(axis=0)
    return np.array([0.5 * (low[0] + high[0]), low[1], 0.5 * (low[2] + high[2])])
