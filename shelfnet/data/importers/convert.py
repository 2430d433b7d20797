"""Convert one model file of any supported format to the 3D-FUTURE layout."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from PIL import Image

from shelfnet.data.catalogue.dataset_layout import MTL_NAME, OBJ_NAME, TEXTURE_NAME
from shelfnet.data.importers.baking import bake_vertex_colours
from shelfnet.data.importers.glb import import_glb
from shelfnet.data.importers.material_parts import WHITE, MaterialPart
from shelfnet.data.importers.ply import import_ply
from shelfnet.data.importers.stl import import_stl
from shelfnet.data.obj.appearance import place_textures
from shelfnet.data.obj.materials import ModelMaterials, read_materials
from shelfnet.data.obj.parser import NONE, ObjModel
from shelfnet.data.obj.reader import MAX_COORDINATE, ModelError, load_obj, load_obj_model
from shelfnet.data.obj.writer import material_name, write_obj_text
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
    baked = [piece for part in placed for piece in bake_vertex_colours(part)]
    write_model(folder, _join(baked), ModelMaterials(tuple(part.material for part in baked)))


def _rotation(matrix: Float[np.ndarray, "3 3"]) -> Float[np.ndarray, "3 3"]:
    return matrix / np.linalg.norm(matrix[0])


def _base_centre(points: Float[np.ndarray, "v 3"]) -> Float[np.ndarray, "3"]:
    """Centre of the lower side of the bounding box."""
    low, high = points.min(axis=0), points.max(axis=0)
    return np.array([0.5 * (low[0] + high[0]), low[1], 0.5 * (low[2] + high[2])])


def write_model(folder: Path, model: ObjModel, materials: ModelMaterials) -> None:
    """Write the OBJ, the MTL and the textures of a model.

    Args:
        folder: Empty output folder.
        model: Model in metres, +Y up.
        materials: One numbered material per material of the model, and the material of faces that name none.
    """
    (folder / OBJ_NAME).write_bytes(f"mtllib {MTL_NAME}\n".encode() + write_obj_text(model))
    textures = _write_textures(folder, materials)
    lines = []
    for index, material in enumerate(materials.numbered):
        lines += [f"newmtl {material_name(index)}", "Kd " + " ".join(f"{value:.6g}" for value in material.colour)]
        if material.texture is not None:
            lines.append(f"map_Kd {textures[id(material.texture)]}")
    (folder / MTL_NAME).write_text("\n".join(lines) + "\n", encoding="ascii")


def _join(parts: Sequence[MaterialPart]) -> ObjModel:
    """Join parts into one model; part ``i`` has material ``i``."""
    sizes = [len(part.faces) for part in parts]
    return ObjModel(
        vertices=np.concatenate([part.vertices for part in parts]),
        faces=_join_faces(parts, [part.vertices for part in parts]),
        colours=np.empty((0, 3)),
        texture_points=_join_rows([part.uv for part in parts], 2),
        face_textures=_join_faces(parts, [part.uv for part in parts]),
        normals=_join_rows([part.normals for part in parts], 3),
        face_normals=_join_faces(parts, [part.normals for part in parts]),
        face_materials=np.repeat(np.arange(len(parts)), sizes),
        smooth=np.repeat([part.normals is not None for part in parts], sizes),
        polygons=np.arange(sum(sizes)),
    )


def _join_rows(arrays: Sequence[Float[np.ndarray, "v k"] | None], width: int) -> Float[np.ndarray, "n k"]:
    return np.concatenate([np.empty((0, width)), *(array for array in arrays if array is not None)])


def _join_faces(
    parts: Sequence[MaterialPart], arrays: Sequence[Float[np.ndarray, "v k"] | None]
) -> Int[np.ndarray, "f 3"]:
    """Faces of all parts as indices into their joined arrays; ``NONE`` for parts without the array."""
    start, joined = 0, []
    for part, array in zip(parts, arrays, strict=True):
        joined.append(np.full_like(part.faces, NONE) if array is None else part.faces + start)
        start += 0 if array is None else len(array)
    return np.concatenate(joined)


def _write_textures(folder: Path, materials: ModelMaterials) -> dict[int, str]:
    """Write every texture once; returns file names by the ``id`` of the array.

    The texture of faces without a material gets the name that readers fall back to.
    """
    names: dict[int, str] = {}
    if materials.unnamed.texture is not None:
        names[id(materials.unnamed.texture)] = TEXTURE_NAME
    for material in (materials.unnamed, *materials.numbered):
        if material.texture is None:
            continue
        path = folder / names.setdefault(id(material.texture), f"texture_{len(names)}.png")
        if not path.exists():
            Image.fromarray(np.ascontiguousarray(material.texture)).save(path, compress_level=3)
    return names
