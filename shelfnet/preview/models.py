"""Loading of OBJ models as one submesh per material, from the model's own folder only."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from shelfnet.data.obj.appearance import load_shown_model
from shelfnet.data.obj.materials import Material
from shelfnet.data.obj.parser import NONE, ObjModel
from shelfnet.data.obj.reader import ModelError
from shelfnet.geometry.meshes import Mesh, bounding_normalisation


@dataclass(frozen=True)
class Submesh:
    """Triangles in the object frame with one material; no two triangles share a vertex.

    Attributes:
        mesh: Positions and triangles.
        normals: Unit normal of each vertex.
        uv: Texture coordinates with (0, 0) at the lower left; zero where the file has none.
        material: Colour or texture.
    """

    mesh: Mesh
    normals: Float[np.ndarray, "v 3"]
    uv: Float[np.ndarray, "v 2"]
    material: Material


def load_submeshes(obj_path: Path) -> list[Submesh]:
    """Load an OBJ for display and normalise it to the object frame.

    Raises:
        ModelError: The file has no usable mesh.
    """
    shown = load_shown_model(obj_path)
    model = shown.geometry
    a, b, c = model.faces.T
    solid = (a != b) & (b != c) & (c != a)
    try:
        transform = bounding_normalisation(model.vertices[np.unique(model.faces[solid])])
    except ValueError as error:
        raise ModelError(f"{obj_path.name}: cannot be loaded for display: {error}") from error
    vertices = transform.apply(model.vertices)
    submeshes = []
    for index in np.unique(model.face_materials[solid]).tolist():
        material = shown.materials.unnamed if index == NONE else shown.materials.numbered[index]
        submeshes.append(_submesh(model, vertices, solid & (model.face_materials == index), material))
    return submeshes


def _submesh(
    model: ObjModel, vertices: Float[np.ndarray, "v 3"], chosen: Bool[np.ndarray, "f"], material: Material
) -> Submesh:
    corners = model.faces[chosen].ravel()
    textures = model.face_textures[chosen].ravel()
    uv = np.zeros((len(corners), 2))
    uv[textures != NONE] = model.texture_points[textures[textures != NONE]]
    normals = model.normals[model.face_normals[chosen].ravel()]
    return Submesh(
        mesh=Mesh(vertices[corners], np.arange(len(corners)).reshape(-1, 3)),
        normals=normals / np.linalg.norm(normals, axis=1, keepdims=True),
        uv=uv,
        material=material,
    )
