import numpy as np

from shelfnet.data.importers.objs import coloured_part, moved_model
from shelfnet.data.obj.materials import Material, ModelMaterials
from shelfnet.data.obj.parser import parse_obj

QUARTER = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
COLOURED = "v 0 0 0 255 0 0\nv 1 0 0 0 255 0\nv 0 1 0 0 0 0\nf 1 2 3\n"


def parse(text):
    return parse_obj(text.splitlines(), 10, 1e9)


def test_positions_move_and_normals_only_turn():
    model = parse("v 1 2 3\nv 4 5 6\nv 0 0 1\nvn 0 0 2\nf 1//1 2//1 3//1\n")
    moved = moved_model(model, 10.0 * QUARTER, np.array([1.0, 2.0, 3.0]))
    assert moved.vertices.tolist() == [[11, 32, -17], [41, 62, -47], [1, 12, 3]]
    assert moved.normals.tolist() == [[0, 2, 0]]
    assert moved.faces is model.faces


def test_vertex_colours_count_where_no_material_does():
    bare = ModelMaterials()
    assert coloured_part(parse(COLOURED), bare).colours.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 0]]
    half = coloured_part(parse(COLOURED.replace("255", "0.5")), bare).colours
    np.testing.assert_allclose(half.max(), 0.214, atol=1e-4)
    assert coloured_part(parse("usemtl wood\n" + COLOURED), bare) is None
    assert coloured_part(parse(COLOURED.replace("1 0 0 0 255 0", "1 0 0")), bare) is None
    textured = ModelMaterials(unnamed=Material(texture=np.zeros((2, 2, 3), np.uint8)))
    assert coloured_part(parse(COLOURED), textured) is None
