"""Each engine compared with analytic silhouettes, and on untrusted models."""

import math

import numpy as np
import pytest
from box_models import ASYMMETRIC, BLUE, GREEN, RED, SINGLE, YELLOW, cameras, iou, silhouette, write_obj, write_textured
from PIL import Image

from shelfnet.config.render import RenderSettings
from shelfnet.data.obj.reader import ModelError
from shelfnet.steps.render_engines import ENGINES, open_engine

RESOLUTION_PX = 64
FOV = math.radians(35)
FRONT = cameras((0, 0))


def settings(engine):
    return RenderSettings(engine=engine, resolution_px=RESOLUTION_PX, samples=8, fov_deg=35.0)


@pytest.fixture(scope="module", params=sorted(ENGINES))
def engine(request):
    with open_engine(settings(request.param), threads=1) as opened:
        yield opened


def nearest(colour):
    """Name of the paint closest in hue."""
    paints = {"red": RED, "blue": BLUE, "green": GREEN, "yellow": YELLOW, "grey": (150, 150, 150)}
    unit = {name: np.array(paint) / np.linalg.norm(paint) for name, paint in paints.items()}
    return max(unit, key=lambda name: unit[name] @ colour[:3] / np.linalg.norm(colour[:3].astype(float)))


def quadrants(image):
    """Paints of the four quarters of the image's middle: top left, top right, bottom left, bottom right."""
    return [nearest(image[y, x].astype(float)) for y in (24, 40) for x in (24, 40)]


@pytest.mark.parametrize("scale", [1.0, 80.0])
def test_silhouettes_match_projection(engine, tmp_path, scale):
    angles = [(0, 0), (80, 0), (35, 25), (-120, 10), (180, -5)]
    images = engine.render(write_obj(tmp_path, ASYMMETRIC, scale=scale, shift=(3.0, 7.0, -2.0)), cameras(*angles))
    for camera, image in zip(cameras(*angles), images, strict=True):
        assert iou(image[..., 3] > 127, silhouette(ASYMMETRIC, camera, FOV, RESOLUTION_PX)) >= 0.97


def test_texture_orientation(engine, tmp_path):
    front, back = engine.render(write_textured(tmp_path), cameras((0, 0), (180, 0)))
    assert quadrants(front) == ["red", "blue", "green", "yellow"]
    assert quadrants(back) == ["blue", "red", "yellow", "green"]


def test_mtl_colours(engine, tmp_path):
    path = write_textured(tmp_path, mtl="Kd 0.86 0.12 0.12")
    (tmp_path / "texture.png").unlink()
    assert set(quadrants(engine.render(path, FRONT)[0])) == {"red"}


def test_colour_same_in_mtl_and_texture(engine, tmp_path):
    by_texture = write_textured(tmp_path / "texture")
    Image.new("RGB", (8, 8), (180, 90, 40)).save(by_texture.parent / "texture.png")
    by_colour = write_textured(tmp_path / "colour", mtl=f"Kd {180 / 255} {90 / 255} {40 / 255}")
    first, second = (engine.render(path, FRONT)[0][20:44, 20:44].astype(float) for path in (by_texture, by_colour))
    np.testing.assert_allclose(first.mean(axis=(0, 1)), second.mean(axis=(0, 1)), atol=1.5)


@pytest.mark.parametrize("albedo", [0, 255])
def test_white_and_black(engine, tmp_path, albedo):
    path = write_textured(tmp_path)
    Image.fromarray(np.full((8, 8, 3), albedo, dtype=np.uint8)).save(tmp_path / "texture.png")
    rgb = engine.render(path, cameras((-40, 30)))[0][28:36, 28:36, :3].mean()
    assert 180 < rgb < 252 if albedo else rgb < 70


@pytest.mark.parametrize("mtl", ["d 0\nmap_Kd texture.png", "Tr 1\nmap_Kd texture.png", "d 0\nmap_d texture.png"])
def test_transparency_ignored(engine, tmp_path, mtl):
    image = engine.render(write_textured(tmp_path, mtl=mtl, alpha=0), FRONT)[0]
    assert (image[20:44, 20:44, 3] == 255).all()


@pytest.mark.parametrize("name", ["../outside.png", "{absolute}", "..\\outside.png", "link.png"])
def test_outside_texture_not_followed(engine, tmp_path, name):
    outside = tmp_path / "outside.png"
    Image.new("RGB", (8, 8), BLUE).save(outside)
    path = write_textured(tmp_path / "model", mtl=f"Kd 0.86 0.12 0.12\nmap_Kd {name.format(absolute=outside)}")
    (path.parent / "texture.png").unlink()
    (path.parent / "link.png").symlink_to(outside)
    assert set(quadrants(engine.render(path, FRONT)[0])) == {"red"}


def test_outside_mtl_not_followed(engine, tmp_path):
    (tmp_path / "outside.mtl").write_text("newmtl wood\nKd 0 0 1\n")
    path = write_obj(tmp_path / "model", SINGLE, head="mtllib ../outside.mtl\nusemtl wood")
    assert set(quadrants(engine.render(path, FRONT)[0])) == {"grey"}


def test_fallback_texture_for_missing_mtl(engine, tmp_path):
    path = write_textured(tmp_path)
    (tmp_path / "model.mtl").unlink()
    assert quadrants(engine.render(path, FRONT)[0]) == ["red", "blue", "green", "yellow"]


def test_fallback_texture_for_unnamed_material(engine, tmp_path):
    path = write_textured(tmp_path)
    path.write_text(path.read_text().replace("mtllib model.mtl\nusemtl wood\n", ""))
    assert quadrants(engine.render(path, FRONT)[0]) == ["red", "blue", "green", "yellow"]


def test_several_materials(engine, tmp_path):
    path = write_obj(tmp_path, ASYMMETRIC, head="mtllib model.mtl\nusemtl low")
    text = path.read_text()
    second = text.index("v", text.rindex("f 1/1"))
    path.write_text(text[:second] + "usemtl high one\n" + text[second:])
    (tmp_path / "model.mtl").write_text("newmtl low\nKd 0.86 0.12 0.12\nnewmtl high one\nKd 0.12 0.12 0.86\n")
    image = engine.render(path, FRONT)[0].astype(float)
    assert (nearest(image[40, 32]), nearest(image[22, 46])) == ("red", "blue")


GARBAGE = np.random.default_rng(0).bytes(4096)


@pytest.mark.parametrize("content", [b"", b"v 0 0 0\nv 1 0 0\nv 0 1 0\n", b"v 1 1 1\nf 1 1 1\n", GARBAGE])
def test_broken_model_refused(engine, tmp_path, content):
    (tmp_path / "raw_model.obj").write_bytes(content)
    with pytest.raises(ModelError, match=r"raw_model\.obj"):
        engine.render(tmp_path / "raw_model.obj", FRONT)


def test_linked_obj_is_rendered(engine, tmp_path):
    target = write_obj(tmp_path / "other", SINGLE)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "raw_model.obj").symlink_to(target)
    linked, direct = (engine.render(path, FRONT) for path in (tmp_path / "model" / "raw_model.obj", target))
    np.testing.assert_array_equal(linked[..., 3], direct[..., 3])
