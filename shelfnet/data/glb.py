"""Reader of predicted meshes: GLB with vertex colours or with a texture."""

from pathlib import Path

import numpy as np
import trimesh
from trimesh.visual import ColorVisuals, TextureVisuals

from shelfnet.geometry.colours import srgb_from_linear


class MeshFileError(ValueError):
    """A mesh file cannot be used; the message names it."""


def read_glb(path: Path) -> trimesh.Trimesh:
    """The one mesh of a GLB, with sRGB vertex colours, or with UV coordinates (v upwards) and an image.

    In the file, vertex colours are linear, as glTF defines ``COLOR_0``.

    Raises:
        MeshFileError: The file cannot be read, does not hold exactly one mesh, or has no colours.
    """
    try:
        scene = trimesh.load_scene(path, file_type="glb", process=False)
    except Exception as error:  # a damaged file can raise any exception
        raise MeshFileError(f"{path}: expected a GLB file: {error}") from error
    meshes = [part for part in scene.geometry.values() if isinstance(part, trimesh.Trimesh)]
    if len(meshes) != 1 or len(scene.geometry) != 1:
        raise MeshFileError(f"{path}: expected exactly one mesh, got {len(scene.geometry)} geometries")
    mesh = meshes[0]
    if _is_textured(mesh):
        return mesh
    linear = _linear_colours(mesh)
    if linear is None or len(linear) != len(mesh.vertices):
        raise MeshFileError(f"{path}: expected vertex colours or a texture, got {getattr(mesh.visual, 'kind', None)}")
    srgb = np.rint(srgb_from_linear(linear[:, :3] / 255.0) * 255.0).astype(np.uint8)
    mesh.visual = ColorVisuals(mesh, vertex_colors=srgb)
    return mesh


def _is_textured(mesh: trimesh.Trimesh) -> bool:
    visual = mesh.visual
    if not isinstance(visual, TextureVisuals) or visual.uv is None:
        return False
    return getattr(visual.material, "baseColorTexture", None) is not None


def _linear_colours(mesh: trimesh.Trimesh) -> np.ndarray | None:
    """``COLOR_0`` as bytes; trimesh stores it elsewhere if the file also has a material."""
    visual = mesh.visual
    if isinstance(visual, TextureVisuals):
        return visual.vertex_attributes.get("color")
    return visual.vertex_colors if isinstance(visual, ColorVisuals) and visual.kind == "vertex" else None
