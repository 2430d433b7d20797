"""Files are found by the names that people write, and by none that fits several."""

import unicodedata

import pytest

from shelfnet.data.name_index import NameIndex, PathIndex

FILES = (
    "images/chair0.jpg",
    "images/chair1.JPG",
    "images/Stuhl é.png",
    "sofas/red.glb",
    "stools/red.glb",
    "stools/v1.2.obj",
    "red.ply",
)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("images/chair0.jpg", "images/chair0.jpg"),
        ("chair0.jpg", "images/chair0.jpg"),
        ("images/chair0", "images/chair0.jpg"),
        ("chair0", "images/chair0.jpg"),
        ("IMAGES/CHAIR0.JPG", "images/chair0.jpg"),
        ("images\\chair1.jpg", "images/chair1.JPG"),
        ("./images/chair1.jpg", "images/chair1.JPG"),
        (" chair1 ", "images/chair1.JPG"),
        (unicodedata.normalize("NFD", "images/Stuhl é.png"), "images/Stuhl é.png"),
        (unicodedata.normalize("NFD", "stuhl É"), "images/Stuhl é.png"),
        ("/home/me/photos/images/chair0.jpg", "images/chair0.jpg"),
        ("C:\\Users\\me\\chair0.jpg", "images/chair0.jpg"),
        ("../images/chair0.jpg", "images/chair0.jpg"),
        ("..\\..\\photos\\chair0", "images/chair0.jpg"),
        ("stools/red", "stools/red.glb"),
        ("v1.2", "stools/v1.2.obj"),
        ("v1.2.obj", "stools/v1.2.obj"),
        ("red", "red.ply"),
        ("red.ply", "red.ply"),
        ("red.glb", None),
        ("v1", None),
        ("chair", None),
        ("elsewhere/chair0.jpg", None),
        ("hair0.jpg", None),
        ("", None),
        (".", None),
        ("/", None),
    ],
)
def test_names_in_tables(name, file):
    assert PathIndex(FILES).find(name) == file


def test_exact_name_takes_precedence():
    index = NameIndex([("abc", 1), ("DE", 2), ("de", 3)])
    assert (index.find("ABC"), index.find("de"), index.find("De"), index.find("xyz")) == (1, 3, None, None)
    assert index.matches("De") == [2, 3]
    assert PathIndex(["a.jpg", "A.jpg"]).find("A.jpg") == "A.jpg"
    assert PathIndex(["a.jpg", "A.jpg"]).find("A.JPG") is None


def test_name_that_fits_several_files_finds_none():
    assert NameIndex([("a", 1), ("a", 2)]).find("a") is None
