"""Files of open tabs: only those of the latest prediction stay, and none of a closed tab."""

import pytest

from shelfnet.demo.tab_files import TabFiles


@pytest.fixture
def tabs(tmp_path):
    (tmp_path / "root").mkdir()
    return TabFiles(tmp_path / "root")


def write(path):
    path.write_text("content")
    return path


def files(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_only_the_files_of_the_latest_prediction_stay(tabs, tmp_path):
    first, second, mask = (write(tabs.root / name) for name in ("first.png", "second.png", "mask.png"))
    write(tabs.start("a", [first, mask]) / "one.glb")
    write(tabs.start("a", [second, mask]) / "two.glb")
    assert files(tmp_path) == ["mask.png", "second.png", "two.glb"]


def test_a_closed_tab_leaves_nothing_and_others_stay(tabs, tmp_path):
    write(tabs.start("a", [write(tabs.root / "a.png")]) / "a.glb")
    write(tabs.start("b", [write(tabs.root / "b.png")]) / "b.glb")
    tabs.close("a")
    tabs.close("never opened")
    assert files(tmp_path) == ["b.glb", "b.png"]


def test_names_of_tabs_are_not_paths(tabs, tmp_path):
    assert tabs.start("../../elsewhere", []).parent == tmp_path / "root"


def test_files_elsewhere_stay(tabs, tmp_path):
    tabs.start("a", [write(tmp_path / "example.png")])
    tabs.close("a")
    assert files(tmp_path) == ["example.png"]
