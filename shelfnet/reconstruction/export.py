"""Meshes with vertex colours to GLB and back; the object frame is glTF's own, +Y up."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import trimesh
from jaxtyping import Float

from shelfnet.geometry.meshes import Mesh


class MeshFileError(ValueError):
    """A mesh file cannot be used; the message names it."""


@dataclass(frozen=True)
class ColouredMesh:
    """A mesh and the RGB colours of its vertices in [0, 1]."""

    mesh: Mesh
    colours: Float[np.ndarray, "v 3"]


def save_glb(path: Path, mesh: Mesh, colours: Float[np.ndarray, "v 3"]) -> None:
    """Write a mesh as binary glTF: float32 positions, 8-bit colours.

    Raises:
        ValueError: an empty mesh, which glTF cannot hold, or not one colour a vertex.
    """
    if mesh.is_empty:
        raise ValueError(f"{path}: expected a mesh with faces, got none")
    if len(colours) != len(mesh.vertices):
        raise ValueError(f"{path}: expected {len(mesh.vertices)} vertex colours, got {len(colours)}")
    opaque = np.full((len(colours), 1), 255, dtype=np.uint8)
    rgba = np.hstack([np.rint(np.clip(colours, 0.0, 1.0) * 255.0).astype(np.uint8), opaque])
    surface = trimesh.Trimesh(mesh.vertices, mesh.faces, vertex_colors=rgba, process=False)
    path.write_bytes(surface.export(file_type="glb"))


def load_glb(path: Path) -> ColouredMesh:
    """Read what :func:`save_glb` wrote: the same vertices and faces in the same order.

    Raises:
        MeshFileError: not readable, no single mesh, or without vertex colours.
    """
    try:
        scene = trimesh.load_scene(path, file_type="glb", process=False)
    except Exception as error:  # a damaged file raises whatever its bytes lead to
        raise MeshFileError(f"{path}: expected a GLB file: {error}") from error
    surfaces = [part for part in scene.geometry.values() if isinstance(part, trimesh.Trimesh)]
    if len(surfaces) != 1 or len(scene.geometry) != 1:
        raise MeshFileError(f"{path}: expected exactly one mesh, got {len(scene.geometry)} geometries")
    surface = surfaces[0]
    if surface.visual.kind != "vertex":
        raise MeshFileError(f"{path}: expected vertex colours, got {surface.visual.kind}")
    mesh = Mesh(np.asarray(surface.vertices, dtype=np.float64), np.asarray(surface.faces, dtype=np.int64))
    return ColouredMesh(mesh, np.asarray(surface.visual.vertex_colors[:, :3], dtype=np.float64) / 255.0)
