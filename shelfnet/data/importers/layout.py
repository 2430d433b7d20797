"""One model in the layout of 3D-FUTURE: ``raw_model.obj``, ``model.mtl`` and textures, in a folder of its own."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, UInt8
from PIL import Image

from shelfnet.data.catalogue.dataset_layout import MTL_NAME, OBJ_NAME, TEXTURE_NAME
from shelfnet.data.importers.parts import Part
from shelfnet.data.obj.materials import ModelMaterials
from shelfnet.data.obj.parser import NONE, ObjModel
from shelfnet.data.obj.writer import material_name, write_obj_text


def write_parts(folder: Path, parts: Sequence[Part]) -> None:
    """Write parts whose colours are baked; a material for each of them."""
    write_model(folder, _joined(parts), ModelMaterials(tuple(part.material for part in parts)))


def write_model(folder: Path, model: ObjModel, materials: ModelMaterials) -> None:
    """Write a model whose numbered materials, and faces that name none, look like this.

    Args:
        folder: an empty one.
        model: positions in metres, +Y up.
        materials: as many numbered ones as the model has.
    """
    (folder / OBJ_NAME).write_bytes(f"mtllib {MTL_NAME}\n".encode() + write_obj_text(model))
    textures = _write_textures(folder, materials)
    lines = []
    for index, material in enumerate(materials.numbered):
        lines += [f"newmtl {material_name(index)}", "Kd " + " ".join(f"{value:.6g}" for value in material.colour)]
        if material.texture is not None:
            lines.append(f"map_Kd {textures[id(material.texture)]}")
    (folder / MTL_NAME).write_text("\n".join(lines) + "\n", encoding="ascii")


def _joined(parts: Sequence[Part]) -> ObjModel:
    """Parts as one model, the material of each numbered as it is."""
    sizes = [len(part.faces) for part in parts]
    n_faces = sum(sizes)
    return ObjModel(
        vertices=np.concatenate([part.vertices for part in parts]),
        faces=_corners(parts, [part.vertices for part in parts]),
        colours=np.empty((0, 3)),
        texture_points=_rows([part.uv for part in parts], 2),
        face_textures=_corners(parts, [part.uv for part in parts]),
        normals=_rows([part.normals for part in parts], 3),
        face_normals=_corners(parts, [part.normals for part in parts]),
        face_materials=np.repeat(np.arange(len(parts)), sizes),
        smooth=np.repeat([part.normals is not None for part in parts], sizes),
        polygons=np.arange(n_faces),
        materials=tuple(material_name(index) for index in range(len(parts))),
        libraries=(),
    )


def _rows(arrays: Sequence[Float[np.ndarray, "v k"] | None], width: int) -> Float[np.ndarray, "n k"]:
    return np.concatenate([np.empty((0, width)), *(array for array in arrays if array is not None)])


def _corners(parts: Sequence[Part], arrays: Sequence[Float[np.ndarray, "v k"] | None]) -> Int[np.ndarray, "f 3"]:
    """Faces of all parts as indices into the rows of their arrays put together; ``NONE`` where a part has none."""
    start, corners = 0, []
    for part, array in zip(parts, arrays, strict=True):
        corners.append(np.full_like(part.faces, NONE) if array is None else part.faces + start)
        start += 0 if array is None else len(array)
    return np.concatenate(corners)


def _write_textures(folder: Path, materials: ModelMaterials) -> dict[int, str]:
    """File names of textures; that of unnamed faces has the name which readers fall back to."""
    names: dict[int, str] = {}
    if materials.unnamed.texture is not None:
        names[id(materials.unnamed.texture)] = TEXTURE_NAME
    for material in (materials.unnamed, *materials.numbered):
        if material.texture is None:
            continue
        name = names.setdefault(id(material.texture), f"texture_{len(names)}.png")
        if not (folder / name).exists():
            _write_png(folder / name, material.texture)
    return names


def _write_png(path: Path, pixels: UInt8[np.ndarray, "h w 3"]) -> None:
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(stream, "PNG", compress_level=3)
    path.write_bytes(stream.getvalue())
