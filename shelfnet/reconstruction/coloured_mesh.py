"""Coloured meshes and their GLB files; the object frame is glTF's own, +Y up."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import trimesh
from jaxtyping import Float, Int
from PIL import Image
from scipy.ndimage import map_coordinates
from scipy.spatial import cKDTree  # pyright: ignore[reportAttributeAccessIssue]
from trimesh.visual.material import PBRMaterial
from trimesh.visual.texture import TextureVisuals

from shelfnet.data.glb import read_glb
from shelfnet.data.lighting import ROUGHNESS
from shelfnet.geometry.colours import linear_from_srgb
from shelfnet.geometry.meshes import Mesh
from shelfnet.reconstruction.mesh_extraction import simplify
from shelfnet.reconstruction.uv_atlas import TextureMap


@dataclass(frozen=True)
class ColouredMesh:
    """A mesh with vertex colours and, optionally, a texture.

    Attributes:
        mesh: Mesh in object units.
        colours: sRGB of the vertices in [0, 1].
        texture: Texture that replaces the vertex colours in files.
    """

    mesh: Mesh
    colours: Float[np.ndarray, "v 3"]
    texture: TextureMap | None = None

    @property
    def vertices(self) -> Float[np.ndarray, "v 3"]:
        """Vertex positions in object units."""
        return self.mesh.vertices

    @property
    def faces(self) -> Int[np.ndarray, "f 3"]:
        """Vertex indices of the triangles."""
        return self.mesh.faces


def simplify_coloured(surface: ColouredMesh, max_faces: int) -> ColouredMesh:
    """Simplify a mesh and give each vertex the colour of the nearest original vertex; a texture is left out."""
    mesh = simplify(surface.mesh, max_faces)
    nearest = cKDTree(surface.vertices).query(mesh.vertices)[1]
    return ColouredMesh(mesh, surface.colours[nearest])


def save_glb(path: Path, coloured: ColouredMesh) -> None:
    """Write a mesh as binary glTF with float32 positions, smooth normals and either its texture or 8-bit colours.

    Raises:
        ValueError: The mesh is empty, which glTF cannot represent, or does not have one colour per vertex.
    """
    mesh, colours, texture = coloured.mesh, coloured.colours, coloured.texture
    if mesh.is_empty:
        raise ValueError(f"{path}: expected a mesh with faces, got none")
    if texture is None and len(colours) != len(mesh.vertices):
        raise ValueError(f"{path}: expected {len(mesh.vertices)} vertex colours, got {len(colours)}")
    # glTF's default material is bare metal, which renders black without an environment map.
    material = PBRMaterial(name="surface", metallicFactor=0.0, roughnessFactor=ROUGHNESS, doubleSided=True)
    if texture is None:
        source, faces, visual = np.arange(len(mesh.vertices)), mesh.faces, TextureVisuals(material=material)
        linear = linear_from_srgb(np.clip(colours, 0.0, 1.0))  # glTF defines COLOR_0 as linear light
        rgba = np.pad(np.rint(linear * 255.0).astype(np.uint8), ((0, 0), (0, 1)), constant_values=255)
        visual.vertex_attributes["color"] = rgba
    else:
        source, faces = texture.atlas.source, texture.atlas.faces
        material.baseColorTexture = Image.fromarray(texture.pixels)
        visual = TextureVisuals(uv=texture.atlas.uv_up, material=material)
    normals = mesh.vertex_normals()[source]
    surface = trimesh.Trimesh(mesh.vertices[source], faces, vertex_normals=normals, visual=visual, process=False)
    path.write_bytes(surface.export(file_type="glb", include_normals=True))  # pyright: ignore[reportArgumentType]


def vertex_colours(coloured: ColouredMesh) -> Float[np.ndarray, "v 3"]:
    """SRGB of the vertices: that of the texture if there is one, averaged over the charts that meet at a vertex."""
    if coloured.texture is None:
        return coloured.colours
    source = coloured.texture.atlas.source
    sampled = sample_texture(coloured.texture.pixels / 255.0, coloured.texture.atlas.uv_up)
    count = len(coloured.colours)
    total = np.stack([np.bincount(source, weights=channel, minlength=count) for channel in sampled.T], axis=1)
    copies = np.bincount(source, minlength=count)[:, None]
    return np.where(copies > 0, total / np.maximum(copies, 1), coloured.colours)


def load_glb(path: Path) -> ColouredMesh:
    """Read a file written by :func:`save_glb` as a mesh with vertex colours.

    Vertices and faces of an untextured file keep their order. In a textured file, vertices that were duplicated along
    seams are merged in order of first appearance and take their colour from the texture.

    Raises:
        MeshFileError: The file is unreadable, does not hold exactly one mesh, or has no colours.
    """
    surface = read_glb(path)
    mesh = Mesh(np.asarray(surface.vertices, dtype=np.float64), np.asarray(surface.faces, dtype=np.int64))
    visual = surface.visual
    if not isinstance(visual, TextureVisuals):
        rgba = visual.vertex_colors  # pyright: ignore[reportOptionalMemberAccess]
        return ColouredMesh(mesh, np.asarray(rgba[:, :3], dtype=np.float64) / 255.0)
    pixels = np.asarray(visual.material.baseColorTexture.convert("RGB"))  # pyright: ignore[reportAttributeAccessIssue]
    return _merge_seams(mesh, sample_texture(pixels / 255.0, np.asarray(visual.uv, dtype=np.float64)))


def sample_texture(texture: Float[np.ndarray, "h w 3"], uv: Float[np.ndarray, "v 2"]) -> Float[np.ndarray, "v 3"]:
    """Bilinear samples at UV coordinates with v up."""
    height, width = texture.shape[:2]
    rows, columns = (1.0 - uv[:, 1]) * height - 0.5, uv[:, 0] * width - 0.5
    channels = [map_coordinates(texture[..., c], [rows, columns], order=1, mode="nearest") for c in range(3)]
    return np.stack(channels, axis=1)


def _merge_seams(mesh: Mesh, colours: Float[np.ndarray, "v 3"]) -> ColouredMesh:
    """Merge vertices at the same position and average their colours."""
    _, first, place = np.unique(mesh.vertices, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    renumbered = np.empty_like(order)
    renumbered[order] = np.arange(len(order))
    place = renumbered[place.ravel()]
    total = np.stack([np.bincount(place, weights=channel) for channel in colours.T], axis=1)
    return ColouredMesh(Mesh(mesh.vertices[first[order]], place[mesh.faces]), total / np.bincount(place)[:, None])
