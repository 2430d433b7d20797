"""Vertex colours to textures, which is what both render engines show.

Every triangle gets a square cell of its own in a texture, and its corners the centres of three of the cell's corner
texels. Where there is no texture to multiply, two texels a side are exact: bilinear filtering between texel centres is
linear over the triangle. The cells of a texture are as large as fit.
"""

import numpy as np
from jaxtyping import Float, Int, UInt8

from shelfnet.data.importers.parts import Part
from shelfnet.data.obj.materials import MAX_TEXTURE_SIDE_PX, Material
from shelfnet.geometry.colours import linear_from_srgb, srgb_from_linear

PLAIN_CELL_PX = 2
MAX_CELL_PX = 64
MAX_TRIANGLES = (MAX_TEXTURE_SIDE_PX // PLAIN_CELL_PX) ** 2
"""Triangles a texture; a part with more of them gets several textures."""


def bake_colours(part: Part) -> list[Part]:
    """A part whose colours have become part of its textures; colours that are all the same multiply its material.

    Normals stay; vertices come apart, three a triangle, where the colours vary.
    """
    if part.colours is None:
        return [part]
    first = part.colours[0]
    if (np.abs(part.colours - first) < 0.5 / 255.0).all():
        return [Part(part.vertices, part.faces, _tinted(part.material, first), part.normals, part.uv)]
    starts = range(0, len(part.faces), MAX_TRIANGLES)
    return [_baked(part, part.faces[start : start + MAX_TRIANGLES]) for start in starts]


def _tinted(material: Material, colour: Float[np.ndarray, "3"]) -> Material:
    if material.texture is None:
        linear = linear_from_srgb(np.array(material.colour)) * colour
        return Material(tuple(srgb_from_linear(linear).tolist()))
    return Material(material.colour, _encoded(linear_from_srgb(material.texture / 255.0) * colour))


def _baked(part: Part, faces: Int[np.ndarray, "f 3"]) -> Part:
    side = int(np.ceil(np.sqrt(len(faces))))
    cell_px = PLAIN_CELL_PX if part.material.texture is None else min(MAX_TEXTURE_SIDE_PX // side, MAX_CELL_PX)
    rows, columns = np.divmod(np.arange(len(faces)), side)
    weights = _cell_weights(cell_px)
    texture = np.zeros((side, side, cell_px, cell_px, 3), dtype=np.uint8)
    for row in range(side):  # a row of cells at a time bounds the memory
        chosen = faces[rows == row]
        texture[row, : len(chosen)] = _encoded(_cells(part, chosen, weights))
    image = texture.transpose(0, 2, 1, 3, 4).reshape(side * cell_px, side * cell_px, 3)
    return Part(
        vertices=part.vertices[faces].reshape(-1, 3),
        faces=np.arange(3 * len(faces), dtype=np.int64).reshape(-1, 3),
        material=Material((1.0, 1.0, 1.0), image),
        normals=None if part.normals is None else part.normals[faces].reshape(-1, 3),
        uv=_cell_uv(rows, columns, cell_px, side),
    )


def _cell_weights(cell_px: int) -> Float[np.ndarray, "y x 3"]:
    """Weights of a triangle's corners at the texels of its cell, linear also beyond the triangle."""
    across = np.linspace(0.0, 1.0, cell_px)
    down, right = np.meshgrid(across, across, indexing="ij")
    return np.stack([1.0 - right - down, right, down], axis=-1)


def _cells(
    part: Part, faces: Int[np.ndarray, "f 3"], weights: Float[np.ndarray, "y x 3"]
) -> Float[np.ndarray, "f y x 3"]:
    """Linear colours of cells' texels: the vertices', mixed as sRGB like a filtered texture, times the material's."""
    encoded = np.einsum("yxk,fkc->fyxc", weights, srgb_from_linear(part.colours[faces])).clip(0.0, 1.0)
    mixed = linear_from_srgb(encoded)
    if part.material.texture is None:
        return mixed * linear_from_srgb(np.array(part.material.colour))
    inside = np.maximum(weights, 0.0)
    uv = np.einsum("yxk,fkc->fyxc", inside / inside.sum(axis=-1, keepdims=True), part.uv[faces])
    return mixed * _looked_up(part.material.texture, uv)


def _looked_up(texture: UInt8[np.ndarray, "h w 3"], uv: Float[np.ndarray, "f y x 2"]) -> Float[np.ndarray, "f y x 3"]:
    """Linear colours of the nearest texels of a repeating texture."""
    height, width, _ = texture.shape
    columns = np.floor((uv[..., 0] % 1.0) * width).astype(np.int64).clip(0, width - 1)
    rows = np.floor(((1.0 - uv[..., 1]) % 1.0) * height).astype(np.int64).clip(0, height - 1)
    return linear_from_srgb(texture[rows, columns] / 255.0)


def _cell_uv(
    rows: Int[np.ndarray, "f"], columns: Int[np.ndarray, "f"], cell_px: int, side: int
) -> Float[np.ndarray, "v 2"]:
    """Coordinates of three corner texels' centres of each cell, (0, 0) at the lower left of the texture."""
    low, high = 0.5, cell_px - 0.5
    across = columns[:, None] * cell_px + np.array([low, high, low])
    down = rows[:, None] * cell_px + np.array([low, low, high])
    return np.stack([across, side * cell_px - down], axis=-1).reshape(-1, 2) / (side * cell_px)


def _encoded(linear: Float[np.ndarray, "*n"]) -> UInt8[np.ndarray, "*n"]:
    return (srgb_from_linear(linear).clip(0.0, 1.0) * 255.0).round().astype(np.uint8)
