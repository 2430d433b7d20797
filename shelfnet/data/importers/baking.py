"""Bake vertex colours into textures, since both render engines show textures only.

Every triangle gets a square cell of a texture, with its corners at the centres of three corner texels. Without a base
texture, two texels per side are exact: bilinear filtering between texel centres is linear over the triangle. With one,
cells are as large as fit.
"""

import numpy as np
from jaxtyping import Float, Int, UInt8

from shelfnet.data.importers.material_parts import WHITE, MaterialPart
from shelfnet.data.obj.materials import MAX_TEXTURE_SIDE_PX, Material
from shelfnet.geometry.colours import linear_from_srgb, srgb_from_linear

UNTEXTURED_CELL_PX = 2
MAX_CELL_PX = 64
MAX_TRIANGLES = (MAX_TEXTURE_SIDE_PX // UNTEXTURED_CELL_PX) ** 2
"""Largest number of triangles per texture; a larger part is split."""


def bake_vertex_colours(part: MaterialPart) -> list[MaterialPart]:
    """Turn vertex colours into textures, or into the base colour of the material if they are all the same.

    Normals are kept. Where colours vary, triangles no longer share vertices.
    """
    if part.colours is None:
        return [part]
    first = part.colours[0]
    if (np.abs(part.colours - first) < 0.5 / 255.0).all():
        return [MaterialPart(part.vertices, part.faces, _tint(part.material, first), part.normals, part.uv)]
    starts = range(0, len(part.faces), MAX_TRIANGLES)
    return [_bake(part, part.colours, part.faces[start : start + MAX_TRIANGLES]) for start in starts]


def tint_texture(texture: UInt8[np.ndarray, "h w 3"], colour: Float[np.ndarray, "3"]) -> UInt8[np.ndarray, "h w 3"]:
    """Multiply an sRGB texture by a linear colour."""
    return _encode(linear_from_srgb(texture / 255.0) * colour)


def _tint(material: Material, colour: Float[np.ndarray, "3"]) -> Material:
    if material.texture is not None:
        return Material(material.colour, tint_texture(material.texture, colour))
    red, green, blue = srgb_from_linear(linear_from_srgb(np.array(material.colour)) * colour).tolist()
    return Material((red, green, blue))


def _bake(part: MaterialPart, colours: Float[np.ndarray, "v 3"], faces: Int[np.ndarray, "f 3"]) -> MaterialPart:
    side = int(np.ceil(np.sqrt(len(faces))))
    cell_px = UNTEXTURED_CELL_PX if part.material.texture is None else min(MAX_TEXTURE_SIDE_PX // side, MAX_CELL_PX)
    rows, columns = np.divmod(np.arange(len(faces)), side)
    weights = _cell_weights(cell_px)
    texture = np.zeros((side, side, cell_px, cell_px, 3), dtype=np.uint8)
    for row in range(side):  # one row of cells at a time bounds the memory
        chosen = faces[rows == row]
        texture[row, : len(chosen)] = _encode(_cell_colours(part, colours, chosen, weights))
    image = texture.transpose(0, 2, 1, 3, 4).reshape(side * cell_px, side * cell_px, 3)
    return MaterialPart(
        vertices=part.vertices[faces].reshape(-1, 3),
        faces=np.arange(3 * len(faces), dtype=np.int64).reshape(-1, 3),
        material=Material(WHITE.colour, image),
        normals=None if part.normals is None else part.normals[faces].reshape(-1, 3),
        uv=_cell_uv(rows, columns, cell_px, side),
    )


def _cell_weights(cell_px: int) -> Float[np.ndarray, "y x 3"]:
    """Corner weights at the texels of a cell, extrapolated linearly outside the triangle."""
    across = np.linspace(0.0, 1.0, cell_px)
    down, right = np.meshgrid(across, across, indexing="ij")
    return np.stack([1.0 - right - down, right, down], axis=-1)


def _cell_colours(
    part: MaterialPart,
    colours: Float[np.ndarray, "v 3"],
    faces: Int[np.ndarray, "f 3"],
    weights: Float[np.ndarray, "y x 3"],
) -> Float[np.ndarray, "f y x 3"]:
    """Linear texel colours of cells: vertex colours, interpolated in sRGB like a texture, times the material."""
    encoded = np.einsum("yxk,fkc->fyxc", weights, srgb_from_linear(colours[faces])).clip(0.0, 1.0)
    mixed = linear_from_srgb(encoded)
    if part.material.texture is None or part.uv is None:
        return mixed * linear_from_srgb(np.array(part.material.colour))
    inside = np.maximum(weights, 0.0)
    uv = np.einsum("yxk,fkc->fyxc", inside / inside.sum(axis=-1, keepdims=True), part.uv[faces])
    return mixed * _sample_nearest(part.material.texture, uv)


def _sample_nearest(
    texture: UInt8[np.ndarray, "h w 3"], uv: Float[np.ndarray, "f y x 2"]
) -> Float[np.ndarray, "f y x 3"]:
    """Linear colours of the nearest texels of a repeating texture."""
    height, width, _ = texture.shape
    columns = np.floor((uv[..., 0] % 1.0) * width).astype(np.int64).clip(0, width - 1)
    rows = np.floor(((1.0 - uv[..., 1]) % 1.0) * height).astype(np.int64).clip(0, height - 1)
    return linear_from_srgb(texture[rows, columns] / 255.0)


def _cell_uv(
    rows: Int[np.ndarray, "f"], columns: Int[np.ndarray, "f"], cell_px: int, side: int
) -> Float[np.ndarray, "v 2"]:
    """Texture coordinates of the triangle corners: the centres of three corner texels of each cell."""
    low, high = 0.5, cell_px - 0.5
    across = columns[:, None] * cell_px + np.array([low, high, low])
    down = rows[:, None] * cell_px + np.array([low, low, high])
    return np.stack([across, side * cell_px - down], axis=-1).reshape(-1, 2) / (side * cell_px)


def _encode(linear: Float[np.ndarray, "*n"]) -> UInt8[np.ndarray, "*n"]:
    return (srgb_from_linear(linear).clip(0.0, 1.0) * 255.0).round().astype(np.uint8)
