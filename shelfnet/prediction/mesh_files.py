"""Files of predicted meshes: GLB, OBJ, PLY and STL, all in the object frame with +Y up."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import trimesh
from PIL import Image

from shelfnet.data.obj.parser import NONE, ObjModel
from shelfnet.data.obj.writer import material_name, write_obj_text
from shelfnet.publishing import complete_file, publish_text
from shelfnet.reconstruction.coloured_mesh import ColouredMesh, save_glb, vertex_colours


class MeshFormatError(ValueError):
    """The suffix of a path is not that of a mesh format; the message names the path."""


def save_mesh(path: Path, mesh: ColouredMesh) -> None:
    """Publish a mesh with the files that belong to it, in the format of the suffix.

    A GLB and an OBJ have the texture or the vertex colours of the mesh, a PLY has vertex colours, an STL has neither.

    Raises:
        MeshFormatError: The suffix is not in :data:`MESH_SUFFIXES`.
        ValueError: The mesh is empty.
    """
    writer = _WRITERS.get(path.suffix.lower())
    if writer is None:
        raise MeshFormatError(f"{path}: expected a name that ends with {', '.join(MESH_SUFFIXES)}")
    if mesh.mesh.is_empty:
        raise ValueError(f"{path}: expected a mesh with faces, got none")
    writer(path, mesh)


def mesh_companions(path: Path) -> tuple[Path, ...]:
    """Files that may be written next to a mesh file: material and texture of an OBJ."""
    if path.suffix.lower() != ".obj":
        return ()
    return path.with_suffix(".mtl"), path.with_name(f"{path.stem}_texture.png")


def _write_glb(path: Path, mesh: ColouredMesh) -> None:
    with complete_file(path) as temporary:
        save_glb(temporary, mesh)


def _write_obj(path: Path, mesh: ColouredMesh) -> None:
    """Write the text last, so that it never names a missing file."""
    head = ""
    if mesh.texture is not None:
        material, texture = mesh_companions(path)
        with complete_file(texture) as temporary:
            Image.fromarray(mesh.texture.pixels).save(temporary, "PNG")
        publish_text(material, f"newmtl {material_name(0)}\nKd 1 1 1\nKs 0 0 0\nillum 1\nmap_Kd {texture.name}\n")
        head = f"mtllib {material.name}\n"
    _write_bytes(path, head.encode() + write_obj_text(_obj_model(mesh)))


def _obj_model(coloured: ColouredMesh) -> ObjModel:
    """Geometry with smooth normals, and either texture coordinates or vertex colours."""
    mesh, texture = coloured.mesh, coloured.texture
    count = len(mesh.faces)
    return ObjModel(
        vertices=mesh.vertices,
        faces=mesh.faces,
        colours=np.zeros((0, 3)) if texture else np.clip(coloured.colours, 0.0, 1.0),
        texture_points=texture.atlas.uv_up if texture else np.zeros((0, 2)),
        face_textures=texture.atlas.faces if texture else np.full((count, 3), NONE),
        normals=mesh.vertex_normals(),
        face_normals=mesh.faces,
        face_materials=np.full(count, 0 if texture else NONE),
        smooth=np.ones(count, dtype=bool),
        polygons=np.arange(count),
    )


def _write_ply(path: Path, mesh: ColouredMesh) -> None:
    colours = np.rint(np.clip(vertex_colours(mesh), 0.0, 1.0) * 255.0).astype(np.uint8)
    surface = trimesh.Trimesh(mesh.vertices, mesh.faces, vertex_colors=colours, process=False)
    _write_bytes(path, surface.export(file_type="ply"))


def _write_stl(path: Path, mesh: ColouredMesh) -> None:
    _write_bytes(path, trimesh.Trimesh(mesh.vertices, mesh.faces, process=False).export(file_type="stl"))


def _write_bytes(path: Path, data: object) -> None:
    with complete_file(path) as temporary:
        temporary.write_bytes(data)  # pyright: ignore[reportArgumentType]


_WRITERS: dict[str, Callable[[Path, ColouredMesh], None]] = {
    ".glb": _write_glb,
    ".obj": _write_obj,
    ".ply": _write_ply,
    ".stl": _write_stl,
}

MESH_SUFFIXES = tuple(_WRITERS)
"""Suffixes of the formats that :func:`save_mesh` writes."""
