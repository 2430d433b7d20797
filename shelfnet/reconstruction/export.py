"""Meshes to GLB and back; the object frame is glTF's own, +Y up."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from jaxtyping import Float
from PIL import Image
from scipy.ndimage import map_coordinates
from trimesh.visual.material import PBRMaterial

from shelfnet.data.glb import MeshFileError, read_glb
from shelfnet.data.lighting import ROUGHNESS
from shelfnet.geometry.colours import linear_from_srgb
from shelfnet.geometry.meshes import Mesh
from shelfnet.reconstruction.atlas import Texture

__all__ = ["ColouredMesh", "MeshFileError", "load_glb", "save_glb", "save_surface"]


@dataclass(frozen=True)
class ColouredMesh:
    """A mesh and what it looks like.

    Attributes:
        mesh: in object units.
        colours: sRGB of its vertices in [0, 1].
        texture: finer colours than the vertices', where there are such.
    """

    mesh: Mesh
    colours: Float[np.ndarray, "v 3"]
    texture: Texture | None = None


def save_surface(path: Path, surface: ColouredMesh) -> None:
    """Write a mesh as binary glTF: with its texture where it has one, else with its vertex colours.

    Raises:
        ValueError: an empty mesh, which glTF cannot hold, or not one colour a vertex.
    """
    if surface.texture is None:
        save_glb(path, surface.mesh, surface.colours)
    else:
        _save_textured(path, surface.mesh, surface.texture)


def save_glb(path: Path, mesh: Mesh, colours: Float[np.ndarray, "v 3"]) -> None:
    """Write a mesh as binary glTF: float32 positions and smooth normals, 8-bit colours.

    Args:
        path: of the file.
        mesh: not empty.
        colours: sRGB in [0, 1]; in the file they are linear light, as glTF defines ``COLOR_0``.

    Raises:
        ValueError: an empty mesh, which glTF cannot hold, or not one colour a vertex.
    """
    _check(path, mesh)
    if len(colours) != len(mesh.vertices):
        raise ValueError(f"{path}: expected {len(mesh.vertices)} vertex colours, got {len(colours)}")
    opaque = np.full((len(colours), 1), 255, dtype=np.uint8)
    linear = linear_from_srgb(np.clip(colours, 0.0, 1.0))
    rgba = np.hstack([np.rint(linear * 255.0).astype(np.uint8), opaque])
    surface = trimesh.Trimesh(
        mesh.vertices, mesh.faces, vertex_normals=mesh.vertex_normals(), vertex_colors=rgba, process=False
    )
    path.write_bytes(surface.export(file_type="glb", include_normals=True, tree_postprocessor=_add_material))


def _save_textured(path: Path, mesh: Mesh, texture: Texture) -> None:
    _check(path, mesh)
    atlas = texture.atlas
    material = PBRMaterial(
        name="surface",
        baseColorTexture=Image.fromarray(texture.pixels),
        metallicFactor=0.0,
        roughnessFactor=ROUGHNESS,
        doubleSided=True,
    )
    # trimesh counts v upwards from the image's last row.
    uv = np.stack([atlas.uv[:, 0], 1.0 - atlas.uv[:, 1]], axis=1)
    surface = trimesh.Trimesh(
        mesh.vertices[atlas.source],
        atlas.faces,
        vertex_normals=mesh.vertex_normals()[atlas.source],
        visual=trimesh.visual.TextureVisuals(uv=uv, material=material),
        process=False,
    )
    path.write_bytes(surface.export(file_type="glb", include_normals=True))


def _add_material(tree: dict[str, Any]) -> None:
    """Without a material glTF means bare metal, which is black where nothing is reflected."""
    plain = {"metallicFactor": 0.0, "roughnessFactor": ROUGHNESS}
    tree["materials"] = [{"name": "surface", "pbrMetallicRoughness": plain, "doubleSided": True}]
    for mesh in tree["meshes"]:
        for primitive in mesh["primitives"]:
            primitive["material"] = 0


def load_glb(path: Path) -> ColouredMesh:
    """Read what :func:`save_surface` wrote, as one mesh with vertex colours.

    Without a texture the vertices and faces are the same in the same order. With one, the copies of a vertex along
    seams become one vertex again, in order of first appearance, with the texture's colour there.

    Raises:
        MeshFileError: not readable, no single mesh, or without colours.
    """
    surface = read_glb(path)
    mesh = Mesh(np.asarray(surface.vertices, dtype=np.float64), np.asarray(surface.faces, dtype=np.int64))
    visual = surface.visual
    if isinstance(visual, trimesh.visual.ColorVisuals):
        return ColouredMesh(mesh, np.asarray(visual.vertex_colors[:, :3], dtype=np.float64) / 255.0)
    pixels = np.asarray(visual.material.baseColorTexture.convert("RGB"))
    return _welded(mesh, _sample(pixels, np.asarray(visual.uv, dtype=np.float64)))


def _sample(pixels: np.ndarray, uv: Float[np.ndarray, "v 2"]) -> Float[np.ndarray, "v 3"]:
    """Bilinear colours at texture coordinates, v upwards."""
    height, width = pixels.shape[:2]
    rows, columns = (1.0 - uv[:, 1]) * height - 0.5, uv[:, 0] * width - 0.5
    channels = [map_coordinates(pixels[..., c] / 255.0, [rows, columns], order=1, mode="nearest") for c in range(3)]
    return np.stack(channels, axis=1)


def _welded(mesh: Mesh, colours: Float[np.ndarray, "v 3"]) -> ColouredMesh:
    """One vertex for all at a place, of their mean colour."""
    _, first, place = np.unique(mesh.vertices, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    renumbered = np.empty_like(order)
    renumbered[order] = np.arange(len(order))
    place = renumbered[place.ravel()]
    total = np.stack([np.bincount(place, weights=channel) for channel in colours.T], axis=1)
    return ColouredMesh(Mesh(mesh.vertices[first[order]], place[mesh.faces]), total / np.bincount(place)[:, None])


def _check(path: Path, mesh: Mesh) -> None:
    if mesh.is_empty:
        raise ValueError(f"{path}: expected a mesh with faces, got none")
