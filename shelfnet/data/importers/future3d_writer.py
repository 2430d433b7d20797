"""Write one model in the 3D-FUTURE layout: a folder with ``raw_model.obj``, ``model.mtl`` and textures."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from PIL import Image

from shelfnet.data.catalogue.dataset_layout import MTL_NAME, OBJ_NAME, TEXTURE_NAME
from shelfnet.data.importers.material_parts import MaterialPart
from shelfnet.data.obj.materials import ModelMaterials
from shelfnet.data.obj.parser import NONE, ObjModel
from shelfnet.data.obj.writer import material_name, write_obj_text


def write_parts(folder: Path, parts: Sequence[MaterialPart]) -> None:
    """Write parts without vertex colours, with one material per part."""
    write_model(folder, _join(parts), ModelMaterials(tuple(part.material for part in parts)))


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
        materials=tuple(material_name(index) for index in range(len(parts))),
        libraries=(),
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
