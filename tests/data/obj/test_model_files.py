import os

import pytest

from shelfnet.data.obj.model_files import ModelFiles, without_comment


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "secret.png").write_text("secret")
    inside = tmp_path / "model"
    (inside / "maps").mkdir(parents=True)
    (inside / "C:").mkdir()
    (inside / "C:" / "drive.png").write_text("t")
    (inside / "texture.png").write_text("t")
    (inside / "maps" / "wood 1.png").write_text("t")
    (inside / "maps" / "Holz #2 é.PNG").write_text("t")  # é composed
    for name in ("twice.png", "Twice.png"):
        (inside / name).write_text(name)
    (inside / "near.png").symlink_to("texture.png")
    (inside / "far.png").symlink_to("../secret.png")
    (inside / "loop.png").symlink_to("loop.png")
    (inside / "up").symlink_to("..")
    os.mkfifo(inside / "pipe.png")
    return inside


def find(folder, name, beside=None):
    return ModelFiles(folder).find_named(name, beside)


@pytest.mark.parametrize(
    "name",
    ["texture.png", "maps/wood 1.png", "maps\\wood 1.png", "./texture.png", "near.png", "maps/../texture.png",
     "TEXTURE.png", "Maps\\WOOD 1.PNG", "maps/holz #2 é.png", "maps/Holz #2 e\u0301.png",
     '"texture.png"', "'maps/wood 1.png'", '"maps\\wood 1.png" # oak', "texture.png # a comment", "texture.png\t#",
     "C:\\Users\\someone\\chair\\texture.png", "c:texture.png/../texture.png", "/home/someone/texture.png",
     "\\\\host\\share\\texture.png", "../other/texture.png", "textures/texture.png", "file:///C:/chair/Texture.png",
     "C:\\Users\\someone\\chair\\maps\\wood 1.png", "//maps\\wood 1.png", "../chair/Maps/wood 1.png",
     "maps/wood%201.png", "file:///C:/chair/maps/wood%201.png"],
)  # fmt: skip
def test_names_of_files_in_the_folder(folder, name):
    assert find(folder, name).read_text() == "t"


@pytest.mark.parametrize(
    "name",
    ["../secret.png", "maps/../../secret.png", "..\\secret.png", "far.png", "FAR.png", "up/secret.png", "UP/SECRET.png",
     "up/model/../secret.png", "loop.png", "pipe.png", "maps", "", " ", ".", "..", "/", "nothing.png", "a\0b", '""',
     "x" * 5000, "x/" * 5000, "%2e%2e/secret.png", "maps/..%2f..%2fsecret.png", "a%00b",
     "TWICE.png", "C:\\drive.png", "wood 1.png"],
)  # fmt: skip
def test_other_names_match_nothing(folder, name):
    assert find(folder, name) is None


def test_links_into_the_store_of_a_linked_model_are_followed(folder, tmp_path):
    """A hub keeps all files of a model in one folder and links to them."""
    (tmp_path / "blobs").mkdir()
    for number, name in enumerate(("chair.obj", "wood.png")):
        (tmp_path / "blobs" / str(number)).write_text(name)
        (folder / name).symlink_to(f"../blobs/{number}")
    assert find(folder, "wood.png") == folder / "wood.png"
    assert find(folder, "WOOD.PNG") == folder / "wood.png"
    assert find(folder, "far.png") is None
    (folder / "chair.obj").unlink()
    assert find(folder, "wood.png") is None


def test_absolute_path_is_never_opened(folder, tmp_path):
    assert find(folder, str(tmp_path / "secret.png")) is None
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "far.png").write_text("secret")
    assert find(folder, str(tmp_path / "maps" / "far.png")) is None
    assert find(folder, str(tmp_path / "maps" / "wood 1.png")) == folder / "maps" / "wood 1.png"


def test_exact_spelling_comes_first(folder):
    assert find(folder, "twice.png").name == "twice.png"


def test_the_folder_of_the_library_comes_first(folder):
    (folder / "maps" / "texture.png").write_text("beside the library")
    assert find(folder, "texture.png", folder / "maps").read_text() == "beside the library"
    assert find(folder, "../texture.png", folder / "maps").read_text() == "t"
    assert find(folder, "near.png", folder / "maps").read_text() == "t"


def test_linked_folder(folder, tmp_path):
    (tmp_path / "alias").symlink_to("model")
    assert find(tmp_path / "alias", "Texture.png").read_text() == "t"


@pytest.mark.parametrize(
    ("statement", "found", "missing"),
    [
        ("a.mtl", ["a.mtl"], []),
        ("a.mtl b c.mtl", ["a.mtl", "b c.mtl"], []),
        ("b c.mtl", ["b c.mtl"], []),
        ('"b c.mtl" A.MTL', ["b c.mtl", "a.mtl"], []),
        ("a.mtl  gone.mtl # both", ["a.mtl"], ["gone.mtl"]),
        ("C:\\work\\a.mtl D:\\b c.mtl", ["a.mtl", "b c.mtl"], []),
        ("../../etc/passwd", [], ["../../etc/passwd"]),
        ("", [], []),
    ],
)
def test_libraries_of_a_statement(tmp_path, statement, found, missing):
    for name in ("a.mtl", "b c.mtl"):
        (tmp_path / name).touch()
    paths, names = ModelFiles(tmp_path).find_libraries(statement)
    assert ([path.name for path in paths], names) == (found, missing)


def test_a_comment_is_set_off_by_a_blank():
    assert [without_comment(name) for name in ("oak # light", "oak#2", "#1", "a b")] == ["oak", "oak#2", "#1", "a b"]
