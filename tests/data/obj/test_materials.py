import logging

import numpy as np
import pytest
from PIL import Image

from shelfnet.data.images import ImageError
from shelfnet.data.obj.materials import NEUTRAL_GREY, load_texture, read_materials
from shelfnet.data.obj.mtl import TexturePlacement

RED, BLUE = (200, 10, 10), (10, 10, 200)


def save(path, colour, size=(4, 4)):
    Image.new("RGB", size, colour).save(path)


def test_texture_precedence(tmp_path):
    save(tmp_path / "texture.png", RED)
    save(tmp_path / "other.png", BLUE)
    (tmp_path / "model.mtl").write_text(
        "newmtl own\nmap_Kd other.png\nnewmtl plain\nKd 1 0 0\nnewmtl lost\nmap_Kd lost.png\nnewmtl bare\n"
    )
    names = ("own", "plain", "lost", "bare", "unknown")
    materials = read_materials(tmp_path, names, ["model.mtl"])
    own, plain, lost, bare, unknown = materials.numbered
    assert tuple(own.texture[0, 0]) == BLUE
    assert (plain.texture, plain.colour) == (None, (1.0, 0.0, 0.0))
    assert (bare.texture, bare.colour) == (None, NEUTRAL_GREY)
    assert all(tuple(material.texture[0, 0]) == RED for material in (lost, unknown, materials.unnamed))


def test_grey_without_files(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        materials = read_materials(tmp_path, ["a"], ["gone.mtl"])
    assert [(s.texture, s.colour) for s in (*materials.numbered, materials.unnamed)] == [(None, NEUTRAL_GREY)] * 2
    assert "gone.mtl" in caplog.text


def test_texture_decoded_once(tmp_path, monkeypatch):
    save(tmp_path / "texture.png", RED)
    (tmp_path / "model.mtl").write_text("newmtl a\nmap_Kd texture.png\nnewmtl b\nmap_Kd ./texture.png\n")
    materials = read_materials(tmp_path, ["a", "b"], ["model.mtl"])
    assert materials.numbered[0].texture is materials.numbered[1].texture


@pytest.mark.parametrize(
    "name",
    ["C:\\Users\\someone\\chair\\wood.png", "WOOD.PNG", "'wood.png'", "wood.png # oak", "-s 2 2 ../textures/wood.png",
     "/home/someone/wood.png", "sub\\wood.png"],
)  # fmt: skip
def test_texture_beside_the_library_in_a_subfolder(tmp_path, name):
    folder = tmp_path / "materials"
    folder.mkdir()
    save(folder / "wood.png", RED)
    save(tmp_path / "wood.png", BLUE)
    (folder / "chair.mtl").write_text(f"newmtl wood\nmap_Kd {name}\n")
    (material,) = read_materials(tmp_path, ["wood"], ["materials/chair.mtl"]).numbered
    assert tuple(material.texture[0, 0]) == RED
    (folder / "wood.png").unlink()
    (material,) = read_materials(tmp_path, ["wood"], ["Materials\\Chair.mtl"]).numbered
    assert tuple(material.texture[0, 0]) == BLUE


def test_several_libraries_are_searched_in_order(tmp_path):
    (tmp_path / "first.mtl").write_text("newmtl a\nKd 1 0 0\n")
    (tmp_path / "second one.mtl").write_text("newmtl a\nKd 0 1 0\nnewmtl b\nKd 0 0 1\n")
    for statements in (["first.mtl second one.mtl"], ["first.mtl", "second one.mtl"]):
        first, second = read_materials(tmp_path, ["a", "b"], statements).numbered
        assert (first.colour, second.colour) == ((1.0, 0.0, 0.0), (0.0, 0.0, 1.0))


def test_a_comment_after_the_name_of_a_material(tmp_path):
    (tmp_path / "model.mtl").write_text(
        "newmtl oak # light\nKd 1 0 0\nnewmtl tin\nKd 0 1 0\nnewmtl Mat #2\nKd 0 0 1\nnewmtl Mat #3\nKd 1 1 0\n"
    )
    names = ["oak", "tin # dull", "Mat #2", "Mat #3"]
    colours = [material.colour for material in read_materials(tmp_path, names, ["model.mtl"]).numbered]
    assert colours == [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0)]


def test_placement_of_a_texture_is_kept(tmp_path):
    save(tmp_path / "wood.png", RED)
    (tmp_path / "model.mtl").write_text("newmtl a\nmap_Kd -s 2 3 -o 0.5 wood.png\n")
    (material,) = read_materials(tmp_path, ["a"], ["model.mtl"]).numbered
    assert material.placement == TexturePlacement((2.0, 3.0), (0.5, 0.0))


@pytest.mark.parametrize("content", [b"", b"<html></html>", b"\x89PNG\r\n\x1a\n" + bytes(40)])
def test_broken_texture_replaced(tmp_path, content, caplog):
    (tmp_path / "texture.png").write_bytes(content)
    with pytest.raises(ImageError, match=r"texture\.png"):
        load_texture(tmp_path / "texture.png")
    assert read_materials(tmp_path, [], []).unnamed.colour == NEUTRAL_GREY
    assert "texture cannot be used" in caplog.text


def test_truncated_texture_refused(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")
    (tmp_path / "a.png").write_bytes((tmp_path / "a.png").read_bytes()[:6000])
    with pytest.raises(ImageError):
        load_texture(tmp_path / "a.png")


def test_image_bomb_refused(tmp_path):
    Image.new("1", (16384, 16384)).save(tmp_path / "a.png")
    with pytest.raises(ImageError, match="pixels"):
        load_texture(tmp_path / "a.png")


def test_large_texture_downscaled(tmp_path):
    save(tmp_path / "a.png", RED, (3000, 300))
    assert load_texture(tmp_path / "a.png").shape == (102, 1024, 3)


def test_colour_modes_become_opaque_srgb(tmp_path):
    Image.new("RGBA", (4, 4), (*RED, 0)).save(tmp_path / "rgba.png")
    Image.fromarray(np.full((4, 4), 0x8000, dtype=np.uint16)).save(tmp_path / "grey16.png")
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "cmyk.png", format="JPEG")
    Image.new("P", (4, 4), 0).save(tmp_path / "palette.png", transparency=b"\x00\x80")
    assert tuple(load_texture(tmp_path / "rgba.png")[0, 0]) == RED
    assert tuple(load_texture(tmp_path / "grey16.png")[0, 0]) == (128, 128, 128)
    assert load_texture(tmp_path / "cmyk.png")[4, 4, 0] > 200 > 60 > load_texture(tmp_path / "cmyk.png")[4, 4, 2]
    assert load_texture(tmp_path / "palette.png").shape == (4, 4, 3)
