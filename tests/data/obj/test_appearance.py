import numpy as np
import pytest
from box_models import cameras
from PIL import Image

from shelfnet.config.render import RenderSettings
from shelfnet.data.obj.appearance import complete_normals, load_shown_model, place_textures
from shelfnet.data.obj.materials import Material, ModelMaterials
from shelfnet.data.obj.mtl import TexturePlacement
from shelfnet.data.obj.parser import NONE, parse_obj
from shelfnet.steps.render_engines import ENGINES, open_engine

FOLD = "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\n"  # two faces at a right angle that share the edge 1 3


def parse(text):
    return parse_obj(text.splitlines(), 100, 1e9)


def corner_normals(model):
    return model.normals[model.face_normals]


def test_faces_without_normals_are_flat():
    model = complete_normals(parse(FOLD + "f 1 2 3\nf 1 3 4\nf 1 1 2\n"))
    assert corner_normals(model).tolist() == [[[0, 0, 1]] * 3, [[1, 0, 0]] * 3, [[0, 1, 0]] * 3]


def test_faces_of_a_smoothing_group_without_normals_are_smooth():
    model = complete_normals(parse(FOLD + "s 1\nf 1 2 3\nf 1 3 4\ns off\nf 1 4 2\n"))
    edge = np.array([1, 0, 1]) / np.sqrt(2)
    normals = corner_normals(model)
    np.testing.assert_allclose(normals[0], [edge, [0, 0, 1], edge])
    np.testing.assert_allclose(normals[1], [edge, edge, [1, 0, 0]])
    np.testing.assert_allclose(normals[2], [[0, 1, 0]] * 3)


def test_normals_of_the_file_are_kept():
    model = complete_normals(parse(FOLD + "vn 0 3 4\nf 1//1 2//1 3//1\nf 1 3 4\n"))
    assert corner_normals(model).tolist() == [[[0, 3, 4]] * 3, [[1, 0, 0]] * 3]


def test_only_faces_of_a_placed_texture_are_moved():
    text = "vt 0 0\nvt 1 0\nvt 0 1\nusemtl a\nf 1/1 2/2 3/3\nusemtl b\nf 1/1 2/2 3/3\nf 1 2 3\nf 1/1 2/2 3/3\n"
    image = np.zeros((2, 2, 3), np.uint8)
    placed = Material(texture=image, placement=TexturePlacement((2.0, 4.0), (0.5, -1.0)))
    model = place_textures(parse(FOLD + text), ModelMaterials((Material(texture=image), placed)))
    uv = model.texture_points[model.face_textures]
    assert uv[0].tolist() == [[0, 0], [1, 0], [0, 1]]
    assert uv[1].tolist() == uv[3].tolist() == [[0.5, -1], [2.5, -1], [0.5, 3]]
    assert (model.face_textures[2] == NONE).all()


def test_a_shown_model_is_complete(tmp_path):
    Image.new("RGB", (2, 2), (10, 20, 30)).save(tmp_path / "wood.png")
    (tmp_path / "x.mtl").write_text("newmtl wood\nmap_Kd -s 3 3 wood.png\n")
    (tmp_path / "x.obj").write_text("mtllib x.mtl\n" + FOLD + "vt 1 1\nusemtl wood\nf 1/1 2/1 3/1\n")
    shown = load_shown_model(tmp_path / "x.obj")
    assert shown.geometry.texture_points[shown.geometry.face_textures[0]].tolist() == [[3, 3]] * 3
    assert shown.materials.numbered[0].texture[0, 0].tolist() == [10, 20, 30]
    assert corner_normals(shown.geometry).tolist() == [[[0, 0, 1]] * 3]


def prism(smoothing):
    """An upright prism of eight sides, with a side in front, without normals."""
    angles = np.deg2rad(22.5 + 45 * np.arange(8))
    ring = 0.5 * np.stack([np.sin(angles), np.zeros(8), np.cos(angles)], axis=1)
    vertices = np.concatenate([ring, ring + np.array([0, 1, 0])])
    sides = [f"f {i + 1} {(i + 1) % 8 + 1} {(i + 1) % 8 + 9} {i + 9}" for i in range(8)]
    return "\n".join([*(f"v {x} {y} {z}" for x, y, z in vertices), smoothing, *sides])


@pytest.mark.parametrize("engine", sorted(ENGINES))
@pytest.mark.parametrize(("smoothing", "is_flat"), [("", True), ("s off", True), ("s 1", False)])
def test_engines_agree_on_shading_without_normals(tmp_path, engine, smoothing, is_flat):
    path = tmp_path / "raw_model.obj"
    path.write_text(prism(smoothing))
    with open_engine(RenderSettings(engine=engine, resolution_px=48, samples=64), threads=1) as opened:
        (image,) = opened.render(path, cameras((20, 0)))
    rows = image[20:28, :, :3].astype(float)
    step = float(rows[:, 22:24].mean() - rows[:, 25:27].mean())  # across the edge between two sides
    assert (step > 4.0) is is_flat, step
