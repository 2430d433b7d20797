"""Conversion of meshes and materials to pyrender primitives."""

import numpy as np
import trimesh
from jaxtyping import Float, Int, UInt8
from trimesh.visual import ColorVisuals

from shelfnet.data.lighting import ROUGHNESS
from shelfnet.data.obj.materials import NEUTRAL_GREY, Material
from shelfnet.geometry.colours import linear_from_srgb
from shelfnet.preview.models import Submesh
from shelfnet.preview.opengl import pyrender


def predicted_primitive(mesh: trimesh.Trimesh) -> pyrender.Primitive:
    """Primitive of a predicted mesh with smooth shading and its texture, its vertex colours or neutral grey."""
    visual = mesh.visual
    image = getattr(getattr(visual, "material", None), "baseColorTexture", None)
    if image is not None:
        return _textured_primitive(
            mesh.vertices,
            mesh.vertex_normals,
            mesh.faces,
            getattr(visual, "uv", None),
            Material((1.0, 1.0, 1.0), texture=np.asarray(image.convert("RGB"))),
        )
    vertex_colours = visual.vertex_colors if isinstance(visual, ColorVisuals) and visual.kind == "vertex" else None
    return pyrender.Primitive(
        positions=mesh.vertices.astype(np.float32),
        normals=mesh.vertex_normals.astype(np.float32),
        indices=mesh.faces.astype(np.uint32),
        color_0=None if vertex_colours is None else _linear_rgba(np.asarray(vertex_colours)),
        material=_metallic_roughness(Material(NEUTRAL_GREY if vertex_colours is None else (1.0, 1.0, 1.0))),
    )


def submesh_primitive(submesh: Submesh) -> pyrender.Primitive:
    """Primitive of a submesh, shaded with its normals."""
    mesh = submesh.mesh
    return _textured_primitive(mesh.vertices, submesh.normals, mesh.faces, submesh.uv, submesh.material)


def _textured_primitive(
    vertices: Float[np.ndarray, "v 3"],
    normals: Float[np.ndarray, "v 3"],
    faces: Int[np.ndarray, "f 3"],
    uv: Float[np.ndarray, "v 2"] | None,
    material: Material,
) -> pyrender.Primitive:
    coordinates = np.zeros((len(vertices), 2)) if uv is None else uv
    return pyrender.Primitive(
        positions=vertices.astype(np.float32),
        normals=normals.astype(np.float32),
        indices=faces.astype(np.uint32),
        texcoord_0=np.nan_to_num(coordinates, posinf=0.0, neginf=0.0).astype(np.float32),
        material=_metallic_roughness(material),
    )


def _linear_rgba(colours: UInt8[np.ndarray, "v 4"]) -> Float[np.ndarray, "v 4"]:
    rgba = np.ones((len(colours), 4), dtype=np.float32)
    rgba[:, :3] = linear_from_srgb(colours[:, :3] / 255.0)
    return rgba


def _metallic_roughness(material: Material) -> pyrender.MetallicRoughnessMaterial:
    texture = None
    if material.texture is not None:
        # RGBA, since OpenGL aligns rows to four bytes.
        opaque = np.pad(material.texture, ((0, 0), (0, 0), (0, 1)), constant_values=255)
        texture = pyrender.Texture(source=opaque, source_channels="RGBA")
    colour = linear_from_srgb(np.array(material.colour)) if texture is None else np.ones(3)
    return pyrender.MetallicRoughnessMaterial(
        baseColorFactor=[*colour, 1.0],
        baseColorTexture=texture,
        metallicFactor=0.0,
        roughnessFactor=ROUGHNESS,
        alphaMode="OPAQUE",
        doubleSided=True,
    )
