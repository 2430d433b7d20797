"""Models as both render engines show them, with their materials, texture coordinates and normals.

The engines have rules of their own for what a file leaves out. Here everything is explicit, so that they agree.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from shelfnet.data.obj.materials import ModelMaterials, read_materials
from shelfnet.data.obj.mtl import UNPLACED
from shelfnet.data.obj.parser import NONE, ObjModel
from shelfnet.data.obj.reader import load_obj_model
from shelfnet.geometry.meshes import Mesh

MAX_FACES = 50_000_000
"""Limit of triangles; the catalogue has already applied the configured limit."""
UP = np.array([0.0, 1.0, 0.0])


@dataclass(frozen=True)
class ShownModel:
    """A model that every engine shows in the same way.

    Attributes:
        geometry: Every corner has a normal, and texture coordinates are those of the image.
        materials: Materials by index.
    """

    geometry: ObjModel
    materials: ModelMaterials


def load_shown_model(obj_path: Path) -> ShownModel:
    """Load an OBJ with its materials, all inside its folder.

    Raises:
        ModelError: The file has no usable model, or is a link.
    """
    model = load_obj_model(obj_path, MAX_FACES)
    materials = read_materials(obj_path.parent, model.materials, model.libraries)
    return ShownModel(complete_normals(place_textures(model, materials)), materials)


def place_textures(model: ObjModel, materials: ModelMaterials) -> ObjModel:
    """Apply the scale and offset of textures to the texture coordinates of the faces that use them."""
    points, corners = [model.texture_points], model.face_textures.copy()
    n_points = len(model.texture_points)
    for index, material in enumerate(materials.numbered):
        chosen = (model.face_materials == index) & (corners[:, 0] != NONE)
        if material.placement == UNPLACED or not chosen.any():
            continue
        used, local = np.unique(model.face_textures[chosen], return_inverse=True)
        corners[chosen] = n_points + local.reshape(-1, 3)
        points.append(model.texture_points[used] * material.placement.scale + material.placement.offset)
        n_points += len(used)
    return replace(model, texture_points=np.concatenate(points), face_textures=corners)


def complete_normals(model: ObjModel) -> ObjModel:
    """Give normals to faces without them: those of the face, or smooth ones in a smoothing group.

    Smooth normals are the area-weighted mean of the faces in smoothing groups around a vertex.
    """
    bare = model.face_normals[:, 0] == NONE
    normals, corners = [model.normals], model.face_normals.copy()
    n_normals = len(model.normals)
    flat, smooth = bare & ~model.smooth, bare & model.smooth
    if flat.any():
        normals.append(_flat_normals(Mesh(model.vertices, model.faces[flat])))
        corners[flat] = n_normals + np.arange(flat.sum())[:, None]
        n_normals += len(normals[-1])
    if smooth.any():
        used, local = np.unique(model.faces[smooth], return_inverse=True)
        faces = local.reshape(-1, 3)
        normals.append(Mesh(model.vertices[used], faces).vertex_normals())
        corners[smooth] = n_normals + faces
    return replace(model, normals=np.concatenate(normals), face_normals=corners)


def _flat_normals(mesh: Mesh) -> Float[np.ndarray, "f 3"]:
    normals = mesh.face_normals()
    return np.where(np.abs(normals).sum(axis=1, keepdims=True) > 0.0, normals, UP)
