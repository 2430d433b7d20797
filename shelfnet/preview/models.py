"""A model's OBJ as parts with one material each, read from the model's own folder alone."""

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
    """Triangles in the object frame and what they look like."""

    mesh: trimesh.Trimesh
    material: Material


def load_submeshes(obj_path: Path) -> list[Submesh]:
    """Load an OBJ for display and bring it into the object frame.

    Raises:
        ModelError: there is no usable mesh in the file.
    """
    text = read_obj_text(obj_path)
    materials = read_materials(obj_path.parent, text)
    by_name = {material_name(index): material for index, material in enumerate(materials.numbered)}
    try:
        meshes = _normalised(_load(text.text, list(by_name)))
    except Exception as error:  # the loader raises whatever its arrays do: ValueError, IndexError, KeyError, ...
        raise ModelError(f"{obj_path.name}: cannot be loaded for display: {error}") from error
    return [Submesh(mesh, by_name.get(_material_of(mesh), materials.unnamed)) for mesh in meshes]


def _load(text: bytes, names: list[str]) -> list[trimesh.Trimesh]:
    """Meshes by material; the names come back through a material library that exists in memory only."""
    library = "\n".join(f"newmtl {name}\nKd 1 1 1" for name in names).encode()
    stream = io.BytesIO(b"mtllib " + MTL_NAME.encode() + b"\n" + text)
    scene = trimesh.load_scene(stream, file_type="obj", resolver={MTL_NAME: library}, process=False)
    meshes = [item for item in scene.geometry.values() if isinstance(item, trimesh.Trimesh) and len(item.faces)]
    if not meshes:
        raise ModelError("expected a mesh with faces, got none")
    return meshes


def _normalised(meshes: list[trimesh.Trimesh]) -> list[trimesh.Trimesh]:
    transform = bounding_normalisation(np.concatenate([mesh.vertices[np.unique(mesh.faces)] for mesh in meshes]))
    return [_moved(mesh, transform) for mesh in meshes]


def _moved(mesh: trimesh.Trimesh, transform: Normalisation) -> trimesh.Trimesh:
    """The mesh after a similarity, with the normals of its file, which a similarity leaves as they are."""
    normals = np.array(mesh.vertex_normals)
    moved = mesh.copy()
    moved.vertices = transform.apply(np.array(mesh.vertices))
    moved.vertex_normals = normals
    return moved


def _material_of(mesh: trimesh.Trimesh) -> str:
    return getattr(getattr(mesh.visual, "material", None), "name", None) or ""
