"""Loading of OBJ models as one submesh per material, from the model's own folder only."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import trimesh

from shelfnet.data.obj.materials import Material, read_materials
from shelfnet.data.obj.reader import ModelError
from shelfnet.data.obj.writer import material_name, read_obj_text
from shelfnet.geometry.meshes import Normalisation, bounding_normalisation

MTL_NAME = "materials.mtl"


@dataclass(frozen=True)
class Submesh:
    """Triangles in the object frame with one material."""

    mesh: trimesh.Trimesh
    material: Material


def load_submeshes(obj_path: Path) -> list[Submesh]:
    """Load an OBJ for display and normalise it to the object frame.

    Raises:
        ModelError: The file has no usable mesh.
    """
    text = read_obj_text(obj_path)
    materials = read_materials(obj_path.parent, text)
    by_name = {material_name(index): material for index, material in enumerate(materials.numbered)}
    try:
        meshes = _normalise(_load(text.text, list(by_name)))
    except Exception as error:  # trimesh raises ValueError, IndexError, KeyError and others
        raise ModelError(f"{obj_path.name}: cannot be loaded for display: {error}") from error
    return [Submesh(mesh, by_name.get(_material_name(mesh), materials.unnamed)) for mesh in meshes]


def _load(text: bytes, names: list[str]) -> list[trimesh.Trimesh]:
    """Meshes by material. An in-memory material library makes trimesh keep the material names."""
    library = "\n".join(f"newmtl {name}\nKd 1 1 1" for name in names).encode()
    stream = io.BytesIO(b"mtllib " + MTL_NAME.encode() + b"\n" + text)
    scene = trimesh.load_scene(stream, file_type="obj", resolver={MTL_NAME: library}, process=False)
    meshes = [item for item in scene.geometry.values() if isinstance(item, trimesh.Trimesh) and len(item.faces)]
    if not meshes:
        raise ModelError("expected a mesh with faces, got none")
    return meshes


def _normalise(meshes: list[trimesh.Trimesh]) -> list[trimesh.Trimesh]:
    transform = bounding_normalisation(np.concatenate([mesh.vertices[np.unique(mesh.faces)] for mesh in meshes]))
    return [_transform(mesh, transform) for mesh in meshes]


def _transform(mesh: trimesh.Trimesh, transform: Normalisation) -> trimesh.Trimesh:
    """Apply ``transform``, which preserves the normals of the file."""
    normals = np.array(mesh.vertex_normals)
    transformed = mesh.copy()
    transformed.vertices = transform.apply(np.array(mesh.vertices))
    transformed.vertex_normals = normals
    return transformed


def _material_name(mesh: trimesh.Trimesh) -> str:
    return getattr(getattr(mesh.visual, "material", None), "name", None) or ""
