import os

import pytest

from shelfnet.data.obj.reader import file_inside


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "secret.png").write_text("secret")
    inside = tmp_path / "model"
    (inside / "maps").mkdir(parents=True)
    (inside / "C:").mkdir()
    (inside / "C:" / "texture.png").write_text("t")
    (inside / "texture.png").write_text("t")
    (inside / "maps" / "wood 1.png").write_text("t")
    (inside / "near.png").symlink_to("texture.png")
    (inside / "far.png").symlink_to("../secret.png")
    (inside / "loop.png").symlink_to("loop.png")
    (inside / "up").symlink_to("..")
    os.mkfifo(inside / "pipe.png")
    return inside


@pytest.mark.parametrize("name", ["texture.png", "maps/wood 1.png", "maps\\wood 1.png", "./texture.png", "near.png"])
def test_file_inside_found(folder, name):
    assert file_inside(folder, name).read_text() == "t"


@pytest.mark.parametrize(
    "name",
    ["../secret.png", "maps/../texture.png", "maps/../../secret.png", "..\\secret.png", "C:\\texture.png",
     "\\\\host\\texture.png", "far.png", "up/secret.png", "loop.png", "pipe.png", "maps", "", "nothing.png", "a\0b",
     "x" * 5000],
)  # fmt: skip
def test_other_names_not_found(folder, name):
    assert file_inside(folder, name) is None


def test_absolute_name_not_followed(folder):
    assert file_inside(folder, str(folder / "texture.png")) is None


def test_linked_folder(folder, tmp_path):
    (tmp_path / "alias").symlink_to("model")
    assert file_inside(tmp_path / "alias", "texture.png").read_text() == "t"
