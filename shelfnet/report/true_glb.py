"""True models as GLB files for the report: textured as in the data set, and small enough to embed."""

import io
from collections.abc import Sequence

import numpy as np
import trimesh
from jaxtyping import Float
from PIL import Image
from trimesh.visual.material import PBRMaterial
from trimesh.visual.texture import TextureVisuals

from shelfnet.data.lighting import ROUGHNESS
from shelfnet.data.obj.materials import Material
from shelfnet.geometry.colours import linear_from_srgb
from shelfnet.geometry.meshes import Mesh
from shelfnet.preview.models import Submesh
from shelfnet.reconstruction.coloured_mesh import ColouredMesh, save_glb, simplify_coloured
from shelfnet.temporary import temporary_folder

MAX_FACES = 20_000
"""Models with more faces are simplified, and colours per vertex replace their textures."""
MAX_TEXTURE_PX = 512


def true_glb(submeshes: Sequence[Submesh], max_faces: int = MAX_FACES) -> bytes:
    """GLB file of a model, at most ``max_faces`` triangles.

    Args:
        submeshes: Parts of the model in the object frame.
        max_faces: Limit above which the model is simplified.
    """
    if sum(len(part.mesh.faces) for part in submeshes) > max_faces:
        return _simplified_glb(submeshes, max_faces)
    scene = trimesh.Scene([_textured(part) for part in submeshes])
    return bytes(scene.export(file_type="glb", include_normals=True))  # pyright: ignore[reportArgumentType]


def _textured(part: Submesh) -> trimesh.Trimesh:
    """A part with shared vertices, its normals and its material."""
    corners = np.hstack([part.mesh.vertices, part.normals, part.uv]).astype(np.float32)
    vertices, indices = np.unique(corners, axis=0, return_inverse=True)
    return trimesh.Trimesh(
        vertices[:, :3],
        indices.reshape(-1)[part.mesh.faces],
        vertex_normals=vertices[:, 3:6],
        visual=TextureVisuals(uv=vertices[:, 6:], material=_pbr(part.material)),
        process=False,
    )


def _pbr(material: Material) -> PBRMaterial:
    plain = {"metallicFactor": 0.0, "roughnessFactor": ROUGHNESS, "doubleSided": True}
    if material.texture is None:
        return PBRMaterial(baseColorFactor=[*linear_from_srgb(np.array(material.colour)), 1.0], **plain)
    return PBRMaterial(baseColorTexture=_small_jpeg(Image.fromarray(material.texture)), **plain)


def _small_jpeg(image: Image.Image) -> Image.Image:
    """The image as a JPEG of at most :data:`MAX_TEXTURE_PX` per side; trimesh keeps the format of an opened file."""
    image.thumbnail((MAX_TEXTURE_PX, MAX_TEXTURE_PX))
    stream = io.BytesIO()
    image.save(stream, "jpeg", quality=90)
    return Image.open(stream)


def _simplified_glb(submeshes: Sequence[Submesh], max_faces: int) -> bytes:
    corners = np.concatenate([part.mesh.vertices for part in submeshes])
    colours = np.concatenate([_corner_colours(part) for part in submeshes])
    vertices, first, indices = np.unique(corners, axis=0, return_index=True, return_inverse=True)
    surface = ColouredMesh(Mesh(vertices, indices.reshape(-1, 3)), colours[first])
    with temporary_folder("report") as folder:
        path = folder / "truth.glb"
        save_glb(path, simplify_coloured(surface, max_faces))
        return path.read_bytes()


def _corner_colours(part: Submesh) -> Float[np.ndarray, "v 3"]:
    """SRGB of every vertex in [0, 1]."""
    texture = part.material.texture
    if texture is None:
        return np.tile(np.array(part.material.colour), (len(part.uv), 1))
    height, width = texture.shape[:2]
    columns = np.floor(part.uv[:, 0] * width).astype(int) % width
    rows = np.floor((1.0 - part.uv[:, 1]) * height).astype(int) % height
    return texture[rows, columns] / 255.0
