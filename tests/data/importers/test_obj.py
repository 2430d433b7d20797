import numpy as np

from shelfnet.data.importers.convert import transform_obj, vertex_coloured_part
from shelfnet.data.obj.materials import Material, ModelMaterials
from shelfnet.data.obj.parser import parse_obj

QUARTER = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
COLOURED = "v 0 0 0 255 0 0\nv 1 0 0 0 255 0\nv 0 1 0 0 0 0\nf 1 2 3\n"


def parse(text):
    return parse_obj(text.splitlines(), 10, 1e9)


def test_transform_moves_positions_and_rotates_normals():
    model = parse("v 1 2 3\nv 4 5 6\nv 0 0 1\nvn 0 0 2\nf 1//1 2//1 3//1\n")
    moved = transform_obj(model, 10.0 * QUARTER, np.array([1.0, 2.0, 3.0]))
    assert moved.vertices.tolist() == [[11, 32, -17], [41, 62, -47], [1, 12, 3]]
    assert moved.normals.tolist() == [[0, 2, 0]]
    assert moved.faces is model.faces


def test_vertex_colours_are_used_only_without_materials():
    bare = ModelMaterials()
    assert vertex_coloured_part(parse(COLOURED), bare).colours.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 0]]
    half = vertex_coloured_part(parse(COLOURED.replace("255", "0.5")), bare).colours
    np.testing.assert_allclose(half.max(), 0.214, atol=1e-4)
    assert vertex_coloured_part(parse("usemtl wood\n" + COLOURED), bare) is None
    assert vertex_coloured_part(parse(COLOURED.replace("1 0 0 0 255 0", "1 0 0")), bare) is None
    textured = ModelMaterials(unnamed=Material(texture=np.zeros((2, 2, 3), np.uint8)))
    assert vertex_coloured_part(parse(COLOURED), textured) is None
