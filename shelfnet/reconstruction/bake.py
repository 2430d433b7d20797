"""Colours of a mesh as a texture: from the photograph where it sees the surface, as predicted elsewhere."""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, UInt8
from scipy.ndimage import distance_transform_edt
from scipy.spatial import cKDTree

from shelfnet.geometry.meshes import Mesh
from shelfnet.reconstruction.atlas import Texture, unwrap
from shelfnet.reconstruction.photograph import Photograph, observe
from shelfnet.renderer.texels import TexelFragments, rasterize_uv

ColourField = Callable[[Float[np.ndarray, "n 3"], Float[np.ndarray, "n 3"]], Float[np.ndarray, "n 3"]]
"""Predicted sRGB in [0, 1] at points of a surface and their outward unit normals."""

_NEIGHBOURS = 4


def bake(
    mesh: Mesh,
    photo: Photograph,
    colours: ColourField,
    texture_px: int,
    predicted_vertices: Float[np.ndarray, "v 3"] | None = None,
) -> Texture:
    """Unwrap a mesh and paint it.

    Args:
        mesh: not empty.
        photo: what is seen of it, from where.
        colours: for what is not seen.
        texture_px: side of the texture.
        predicted_vertices: where the vertices lay when ``colours`` were predicted, if they moved since.

    Raises:
        ValueError: an empty mesh, or an atlas that covers no texel.
    """
    atlas = unwrap(mesh, texture_px)
    texels = rasterize_uv(torch.from_numpy(atlas.uv).float(), torch.from_numpy(atlas.faces), texture_px)
    if len(texels.texel) == 0:
        raise ValueError(f"expected charts that cover texels, got none at {texture_px} x {texture_px}")
    predicted_on = mesh if predicted_vertices is None else Mesh(predicted_vertices, mesh.faces)
    points, normals = _points_and_normals(texels, mesh)
    seen = observe(photo, mesh, points, normals)
    predicted = colours(*_points_and_normals(texels, predicted_on))
    painted = predicted + seen.weights[:, None] * (seen.colours - predicted)
    return Texture(atlas, _image(texels, painted, texture_px))


def interpolated_colours(vertices: Float[np.ndarray, "v 3"], colours: Float[np.ndarray, "v 3"]) -> ColourField:
    """The field that known colours of points span: inverse-distance means of the nearest few."""
    tree = cKDTree(vertices)
    count = min(_NEIGHBOURS, len(vertices))

    def field(points: Float[np.ndarray, "n 3"], _: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
        distances, nearest = tree.query(points, k=range(1, count + 1))
        weights = 1.0 / np.maximum(distances, 1e-9)
        return np.einsum("nk,nkc->nc", weights / weights.sum(1, keepdims=True), colours[nearest])

    return field


def _points_and_normals(
    texels: TexelFragments, mesh: Mesh
) -> tuple[Float[np.ndarray, "t 3"], Float[np.ndarray, "t 3"]]:
    faces = torch.from_numpy(mesh.faces)
    points = texels.interpolate(faces, torch.from_numpy(mesh.vertices)).numpy()
    normals = texels.interpolate(faces, torch.from_numpy(mesh.vertex_normals())).numpy()
    return points, normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


def _image(texels: TexelFragments, colours: Float[np.ndarray, "t 3"], texture_px: int) -> UInt8[np.ndarray, "s s 3"]:
    """TexelFragments as bytes; those between charts take the colour of the nearest painted one."""
    texel = texels.texel.numpy()
    pixels = np.zeros((texture_px * texture_px, 3), dtype=np.uint8)
    pixels[texel] = np.rint(np.clip(colours, 0.0, 1.0) * 255.0).astype(np.uint8)
    bare = np.ones(texture_px * texture_px, dtype=bool)
    bare[texel] = False
    square = (texture_px, texture_px)
    row, column = distance_transform_edt(bare.reshape(square), return_distances=False, return_indices=True)
    return pixels.reshape(*square, 3)[row, column]
