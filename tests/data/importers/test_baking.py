import numpy as np
import pytest

from shelfnet.data.importers import baking
from shelfnet.data.importers.baking import bake_vertex_colours
from shelfnet.data.importers.material_parts import MaterialPart
from shelfnet.data.obj.materials import Material
from shelfnet.geometry.colours import linear_from_srgb, srgb_from_linear


def grid(n_triangles, seed=0):
    """Separate triangles with random colours at their corners."""
    generator = np.random.default_rng(seed)
    vertices = generator.random((3 * n_triangles, 3))
    faces = np.arange(3 * n_triangles).reshape(-1, 3)
    return MaterialPart(vertices, faces, Material((1.0, 1.0, 1.0)), colours=generator.random((3 * n_triangles, 3)))


def sample(texture, uv):
    """Bilinear filtering, as renderers do it."""
    height, width, _ = texture.shape
    x, y = uv[:, 0] * width - 0.5, (1.0 - uv[:, 1]) * height - 0.5
    column, row = np.floor(x).astype(int), np.floor(y).astype(int)
    right, down = (x - column)[:, None], (y - row)[:, None]
    texel = lambda i, j: texture[np.clip(i, 0, height - 1), np.clip(j, 0, width - 1)] / 255.0  # noqa: E731
    above = texel(row, column) * (1 - right) + texel(row, column + 1) * right
    below = texel(row + 1, column) * (1 - right) + texel(row + 1, column + 1) * right
    return above * (1 - down) + below * down


def test_baked_texture_interpolates_corner_colours():
    part = grid(50)
    (baked,) = bake_vertex_colours(part)
    assert baked.colours is None
    np.testing.assert_allclose(baked.vertices[baked.faces], part.vertices[part.faces])
    expected = srgb_from_linear(part.colours[part.faces])
    corners = sample(baked.material.texture, baked.uv).reshape(-1, 3, 3)
    np.testing.assert_allclose(corners, expected, atol=0.6 / 255)
    legs = sample(baked.material.texture, baked.uv.reshape(-1, 3, 2)[:, :2].mean(axis=1))
    np.testing.assert_allclose(legs, expected[:, :2].mean(axis=1), atol=1.1 / 255)


def test_baked_texture_is_linear_inside_triangles():
    part = grid(20)
    colours = linear_from_srgb(0.4 + 0.2 * part.colours)
    (baked,) = bake_vertex_colours(MaterialPart(part.vertices, part.faces, part.material, colours=colours))
    weights = np.array([0.2, 0.3, 0.5])
    inside = sample(baked.material.texture, np.einsum("k,fkc->fc", weights, baked.uv.reshape(-1, 3, 2)))
    expected = np.einsum("k,fkc->fc", weights, srgb_from_linear(colours[part.faces]))
    np.testing.assert_allclose(inside, expected, atol=1.1 / 255)


def test_uniform_colour_tints_the_material():
    part = grid(4)
    red = np.tile([1.0, 0.2158605, 0.0], (12, 1))
    (plain,) = bake_vertex_colours(MaterialPart(part.vertices, part.faces, part.material, colours=red))
    np.testing.assert_allclose(plain.material.colour, (1.0, 128 / 255, 0.0), atol=1e-6)
    assert plain.vertices is part.vertices
    white = np.full((2, 2, 3), 255, np.uint8)
    textured = MaterialPart(
        part.vertices, part.faces, Material((1.0, 1.0, 1.0), white), uv=np.zeros((12, 2)), colours=red
    )
    assert bake_vertex_colours(textured)[0].material.texture[0, 0].tolist() == [255, 128, 0]


def test_vertex_colours_multiply_the_texture():
    part = grid(9)
    image = np.zeros((4, 4, 3), np.uint8)
    image[:2] = (255, 255, 0)  # above: yellow; below: black
    uv = np.tile([[0.1, 0.9], [0.9, 0.9], [0.1, 0.6]], (9, 1))
    uv[3:6, 1] = 0.1
    (baked,) = bake_vertex_colours(
        MaterialPart(part.vertices, part.faces, Material((1.0, 1.0, 1.0), image), uv=uv, colours=part.colours)
    )
    corners = sample(baked.material.texture, baked.uv).reshape(-1, 3, 3)
    expected = srgb_from_linear(part.colours[part.faces]) * [1.0, 1.0, 0.0]
    expected[1] = 0.0
    np.testing.assert_allclose(corners, expected, atol=1.1 / 255)


def test_large_parts_are_split_and_keep_normals(monkeypatch):
    monkeypatch.setattr(baking, "MAX_TRIANGLES", 16)
    part = grid(40)
    normals = part.vertices / np.linalg.norm(part.vertices, axis=1, keepdims=True)
    baked = bake_vertex_colours(MaterialPart(part.vertices, part.faces, part.material, normals, colours=part.colours))
    assert [len(piece.faces) for piece in baked] == [16, 16, 8]
    np.testing.assert_allclose(np.concatenate([piece.normals for piece in baked]), normals[part.faces].reshape(-1, 3))
    assert max(piece.material.texture.shape[0] for piece in baked) == 8


@pytest.mark.parametrize("textured", [False, True])
def test_texture_size_is_bounded(textured):
    side = baking.MAX_TEXTURE_SIDE_PX
    n_cells = int(np.sqrt(baking.MAX_TRIANGLES))
    assert n_cells * baking.UNTEXTURED_CELL_PX <= side
    part = grid(300)
    material = Material((1.0, 1.0, 1.0), np.full((2, 2, 3), 9, np.uint8) if textured else None)
    uv = np.zeros((900, 2)) if textured else None
    (baked,) = bake_vertex_colours(MaterialPart(part.vertices, part.faces, material, uv=uv, colours=part.colours))
    assert baked.material.texture.shape[0] <= side
    assert baked.material.texture.shape[0] == (18 * 56 if textured else 18 * 2)
