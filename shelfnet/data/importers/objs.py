"""OBJ files made by others: brought to metres and +Y up, with materials and textures of their own folder alone.

Vertex colours after the positions (``v x y z r g b``) are used where no material says anything.
"""

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from shelfnet.data.importers.parts import Part
from shelfnet.data.obj.materials import Material, ModelMaterials
from shelfnet.data.obj.parser import NONE, ObjModel
from shelfnet.geometry.colours import linear_from_srgb


def coloured_part(model: ObjModel, materials: ModelMaterials) -> Part | None:
    """The triangles with their vertex colours (sRGB, up to 1 or up to 255), where the file has such and no material."""
    has_material = (model.face_materials != NONE).any() or materials.unnamed.texture is not None
    if has_material or not len(model.colours):
        return None
    scale = 255.0 if model.colours.max() > 1.0 else 1.0
    colours = linear_from_srgb((model.colours / scale).clip(0.0, 1.0))
    return Part(model.vertices, model.faces, Material((1.0, 1.0, 1.0)), colours=colours)


def moved_model(model: ObjModel, matrix: Float[np.ndarray, "3 3"], offset: Float[np.ndarray, "3"]) -> ObjModel:
    """A model at ``matrix @ x + offset``, its normals turned likewise, without vertex colours."""
    rotation = matrix / np.linalg.norm(matrix[0])
    return replace(
        model,
        vertices=model.vertices @ matrix.T + offset,
        normals=model.normals @ rotation.T,
        colours=np.empty((0, 3)),
    )
