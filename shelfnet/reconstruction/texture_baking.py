"""Texture baking: colours from the photo as far as it shows the surface, from the prediction elsewhere."""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, UInt8
from scipy.ndimage import distance_transform_edt
from scipy.spatial import cKDTree  # pyright: ignore[reportAttributeAccessIssue]

from shelfnet.geometry.meshes import Mesh
from shelfnet.reconstruction.colour_transfer import nearest_visible
from shelfnet.reconstruction.projective_texturing import PosedImage, project_image
from shelfnet.reconstruction.uv_atlas import TextureMap, unwrap
from shelfnet.renderer.texels import TexelFragments, rasterize_uv

ColourField = Callable[[Float[np.ndarray, "n 3"], Float[np.ndarray, "n 3"]], Float[np.ndarray, "n 3"]]
"""Predicted sRGB in [0, 1] as a function of surface points and their outward unit normals."""

_NEIGHBOURS = 4


def bake_texture(
    mesh: Mesh,
    image: PosedImage,
    colours: ColourField,
    texture_px: int,
    predicted_vertices: Float[np.ndarray, "v 3"] | None = None,
) -> TextureMap:
    """Unwrap a mesh and bake its texture.

    The colour of a texel comes from the first of these sources that has one. All but the last have weights, so that
    they fade into each other:

    1. The photo, where it shows the point.
    2. The photo, where it shows the mirror image of the point in x, since furniture is mostly symmetric.
    3. The nearest points with a like normal that 1 or 2 show.
    4. The predicted colours.

    Args:
        mesh: Mesh with at least one face.
        image: Photo with its camera.
        colours: Predicted colours.
        texture_px: Texels per side.
        predicted_vertices: Vertex positions at which ``colours`` was predicted, if the mesh has moved since.

    Raises:
        ValueError: The mesh is empty or its atlas covers no texel.
    """
    atlas = unwrap(mesh, texture_px)
    texels = rasterize_uv(torch.from_numpy(atlas.uv).float(), torch.from_numpy(atlas.faces), texture_px)
    if len(texels.texel) == 0:
        raise ValueError(f"expected charts that cover texels, got none at {texture_px} x {texture_px}")
    predicted_mesh = mesh if predicted_vertices is None else Mesh(predicted_vertices, mesh.faces)
    points, normals = _points_and_normals(texels, mesh)
    seen = project_image(image, mesh, points, normals)
    visible = seen.or_else(project_image(image.mirrored(), mesh, points, normals))
    known = visible.or_else(nearest_visible(points, normals, visible))
    predicted = colours(*_points_and_normals(texels, predicted_mesh))
    return TextureMap(atlas, _to_pixels(texels, known.over(predicted), texture_px))


def interpolated_colours(vertices: Float[np.ndarray, "v 3"], colours: Float[np.ndarray, "v 3"]) -> ColourField:
    """Colour field that interpolates vertex colours by inverse-distance weighting of the nearest vertices."""
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


def _to_pixels(
    texels: TexelFragments, colours: Float[np.ndarray, "t 3"], texture_px: int
) -> UInt8[np.ndarray, "s s 3"]:
    """8-bit texture. Uncovered texels copy the nearest covered one, which pads the charts."""
    texel = texels.texel.numpy()
    pixels = np.zeros((texture_px * texture_px, 3), dtype=np.uint8)
    pixels[texel] = np.rint(np.clip(colours, 0.0, 1.0) * 255.0).astype(np.uint8)
    uncovered = np.ones(texture_px * texture_px, dtype=bool)
    uncovered[texel] = False
    square = (texture_px, texture_px)
    nearest = distance_transform_edt(uncovered.reshape(square), return_distances=False, return_indices=True)
    row, column = nearest  # pyright: ignore[reportGeneralTypeIssues]
    return pixels.reshape(*square, 3)[row, column]
