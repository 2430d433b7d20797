import pytest

from shelfnet.data.catalogue.dataset_layout import FolderIndex, content_digest, find_root, model_folders
from shelfnet.data.catalogue.model_info import DatasetError


@pytest.mark.parametrize("inner", ["", "3D-FUTURE-model", "download/3D-FUTURE-model"])
def test_find_root(tmp_path, write_dataset, inner):
    root = write_dataset(tmp_path / "data" / inner, "a", "b")
    assert find_root(tmp_path / "data") == root


def test_no_list_or_two_lists_refused(tmp_path, write_list):
    (tmp_path / "data").mkdir()
    with pytest.raises(DatasetError, match=r"data: .*model_info\.json"):
        find_root(tmp_path / "data")
    for name in ("x", "y"):
        write_list(tmp_path / "data" / name, [])
    with pytest.raises(DatasetError, match=r"model_info\.json.*x.*y"):
        find_root(tmp_path / "data")


def test_links_not_followed(tmp_path, write_list):
    write_list(tmp_path / "elsewhere", [])
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DatasetError, match="found none"):
        find_root(tmp_path / "data")


def test_models_found_in_parts(tmp_path, write_dataset, write_model):
    root = write_dataset(tmp_path / "data", "a")
    write_model(root / "part1", "b")
    write_model(root / "part2", "b")
    write_model(root / "part2", "a")
    (root / "part3" / "no model").mkdir(parents=True)
    folders = model_folders(root)
    assert (folders["a"], folders["b"]) == (root / "a", root / "part1" / "b")
    assert "no model" not in folders


def test_case_insensitive_lookup(tmp_path):
    for name in ("abc", "DE", "de"):
        (tmp_path / name).mkdir()
    index = FolderIndex(model_folders(tmp_path))
    assert index.find("ABC") == tmp_path / "abc"
    assert index.find("de") == tmp_path / "de"
    assert index.find("De") is None
    assert index.find("xyz") is None


def test_digest_depends_on_content(tmp_path, write_dataset):
    root = write_dataset(tmp_path / "x", "a", "b")
    first = content_digest(root)
    assert content_digest(write_dataset(tmp_path / "y", "a", "b")) == first
    (root / "a" / "image.jpg").write_bytes(b"unused")
    (root / "c").mkdir()
    (root / "c" / "raw_model.obj").symlink_to(root / "a" / "raw_model.obj")
    assert content_digest(root) == first
    changed = []
    (root / "a" / "wood.jpg").write_bytes(b"")
    for name in ("a/raw_model.obj", "b/texture.png", "b/model.mtl", "a/wood.jpg", "model_info.json"):
        with (root / name).open("ab") as stream:
            stream.write(b" ")
        changed.append(content_digest(root))
    assert len({first, *changed}) == 6
