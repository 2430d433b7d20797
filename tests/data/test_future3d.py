import json
import zipfile

import pytest

from shelfnet.data.archives import ArchiveError
from shelfnet.data.future3d import (
    content_digest,
    dataset_path,
    extract,
    find_root,
    folder_of,
    model_folders,
    released_files,
)
from shelfnet.data.model_info import DatasetError


def zip_folder(path, folder, prefix="", only=lambda name: True):
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            name = file.relative_to(folder).as_posix()
            if file.is_file() and only(name):
                archive.write(file, prefix + name)
    return path


def test_the_environment_wins_over_the_setting(tmp_path, monkeypatch):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    monkeypatch.setenv("SOME_DATASET", str(tmp_path / "b"))
    assert dataset_path(str(tmp_path / "a"), "SOME_DATASET") == (tmp_path / "b").resolve()
    monkeypatch.delenv("SOME_DATASET")
    assert dataset_path(str(tmp_path / "a"), "SOME_DATASET") == (tmp_path / "a").resolve()


def test_a_data_set_that_is_not_there_is_one_clear_line(tmp_path, monkeypatch):
    monkeypatch.delenv("SOME_DATASET", raising=False)
    with pytest.raises(DatasetError, match=r"dataset\.path is not set.*SOME_DATASET.*tianchi") as caught:
        dataset_path(None, "SOME_DATASET")
    assert "\n" not in str(caught.value)
    with pytest.raises(DatasetError, match=r"nowhere, named by dataset\.path, is not there.*tianchi"):
        dataset_path(str(tmp_path / "nowhere"), None)
    monkeypatch.setenv("SOME_DATASET", str(tmp_path / "nowhere"))
    with pytest.raises(DatasetError, match="named by the environment variable SOME_DATASET, is not there"):
        dataset_path(None, "SOME_DATASET")


@pytest.mark.parametrize("inner", ["", "3D-FUTURE-model", "download/3D-FUTURE-model"])
def test_the_root_is_found_flat_and_nested(tmp_path, write_dataset, inner):
    root = write_dataset(tmp_path / "data" / inner, "a", "b")
    assert find_root(tmp_path / "data") == root
    assert released_files(tmp_path / "data") == ()


def test_no_list_and_two_lists_are_named(tmp_path, write_list):
    (tmp_path / "data").mkdir()
    with pytest.raises(DatasetError, match=r"data: expected model_info\.json .* found none"):
        find_root(tmp_path / "data")
    for name in ("x", "y"):
        write_list(tmp_path / "data" / name, [])
    with pytest.raises(DatasetError, match=r"expected one model_info\.json, found .*x.*y"):
        find_root(tmp_path / "data")


def test_links_to_folders_are_not_followed(tmp_path, write_list):
    write_list(tmp_path / "elsewhere", [])
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DatasetError, match="found none"):
        find_root(tmp_path / "data")


@pytest.mark.parametrize("prefix", ["", "3D-FUTURE-model/", "download (1)/3D-FUTURE-model/"])
def test_one_archive_however_it_is_wrapped(tmp_path, write_dataset, prefix):
    archive = zip_folder(tmp_path / "x.zip", write_dataset(tmp_path / "src", "a", "b"), prefix)
    assert released_files(archive) == (archive,)
    root = extract([archive], tmp_path / "out")
    assert sorted(model_folders(root)) == ["a", "b"]
    assert json.loads((root / "model_info.json").read_text())[0]["model_id"] == "a"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "src", "x.zip"]


def test_the_parts_of_the_release_come_together(tmp_path, write_dataset):
    source = write_dataset(tmp_path / "src", "a", "b", "c")
    (tmp_path / "zips").mkdir()
    zip_folder(tmp_path / "zips" / "part1.zip", source, "3D-FUTURE-model-part1/", lambda name: name.startswith("a/"))
    zip_folder(tmp_path / "zips" / "part2.ZIP", source, "part2/models/", lambda name: name[0] in "bc")
    zip_folder(tmp_path / "zips" / "tags.zip", source, "", lambda name: name == "model_info.json")
    archives = released_files(tmp_path / "zips")
    assert len(archives) == 3
    assert sorted(model_folders(extract(archives, tmp_path / "out"))) == ["a", "b", "c"]


@pytest.mark.parametrize("folder", ["", "parts"])
def test_the_list_may_lie_beside_the_archives(tmp_path, write_dataset, folder):
    source = write_dataset(tmp_path / "src", "a", "b")
    (tmp_path / "zips" / folder).mkdir(parents=True)
    for name in "ab":
        zip_folder(
            tmp_path / "zips" / folder / f"{name}.zip", source, f"part-{name}/", lambda file, n=name: file[0] == n
        )
    (source / "model_info.json").rename(tmp_path / "zips" / "model_info.json")
    files = released_files(tmp_path / "zips")
    assert [path.name for path in files] == ["a.zip", "b.zip", "model_info.json"]
    root = extract(files, tmp_path / "out")
    assert sorted(model_folders(root)) == ["a", "b"]
    assert (root / "model_info.json").read_bytes() == (tmp_path / "zips" / "model_info.json").read_bytes()
    assert (tmp_path / "zips" / "model_info.json").exists()


def test_archives_that_were_kept_beside_their_models_are_passed_by(tmp_path, write_dataset):
    source = write_dataset(tmp_path / "src", "a")
    zip_folder(source / "kept.zip", source, only=lambda name: name.startswith("a/"))
    assert released_files(source) == ()


def test_every_archive_may_bring_the_same_list_but_no_other(tmp_path, write_dataset, write_list):
    source = write_dataset(tmp_path / "src", "a", "b")
    parts = [
        zip_folder(tmp_path / f"{name}.zip", source, only=lambda file, n=name: file[0] in (n, "m")) for name in "ab"
    ]
    assert sorted(model_folders(extract(parts, tmp_path / "out"))) == ["a", "b"]
    write_list(source, [{"model_id": "other"}])
    zip_folder(tmp_path / "b.zip", source, only=lambda file: file[0] in "bm")
    with pytest.raises(DatasetError, match=r"b\.zip: its model_info\.json differs"):
        extract(parts, tmp_path / "out")


def test_models_are_found_in_the_folders_of_the_parts(tmp_path, write_dataset, write_model):
    root = write_dataset(tmp_path / "data", "a")
    write_model(root / "part1", "b")
    write_model(root / "part2", "b")
    write_model(root / "part2", "a")
    (root / "part3" / "no model").mkdir(parents=True)
    folders = model_folders(root)
    assert (folders["a"], folders["b"]) == (root / "a", root / "part1" / "b")
    assert "no model" not in folders


def test_extraction_replaces_an_earlier_one_and_never_leaves_half(tmp_path, write_dataset):
    archive = zip_folder(tmp_path / "x.zip", write_dataset(tmp_path / "src", "a"))
    extract([archive], tmp_path / "out")
    (tmp_path / "out" / "stale").write_text("")
    extract([archive], tmp_path / "out")
    assert not (tmp_path / "out" / "stale").exists()
    broken = tmp_path / "broken.zip"
    broken.write_bytes(archive.read_bytes()[:-30])
    with pytest.raises(ArchiveError, match=r"broken\.zip"):
        extract([archive, broken], tmp_path / "out")
    assert find_root(tmp_path / "out")
    assert not (tmp_path / "out.partial").exists()


def test_archives_without_a_data_set_and_with_models_twice(tmp_path, write_dataset):
    source = write_dataset(tmp_path / "src", "a")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "inner.zip").write_bytes(b"x")
    with pytest.raises(DatasetError, match=r"nested\.zip: .* found archives in the archive \(inner\.zip\): extract it"):
        extract([zip_folder(tmp_path / "nested.zip", tmp_path / "other")], tmp_path / "out")
    with pytest.raises(DatasetError, match="found none"):
        models = zip_folder(tmp_path / "models.zip", source, only=lambda name: name.startswith("a/"))
        extract([models], tmp_path / "out")
    with pytest.raises(DatasetError, match=r"models\.zip: a is also in another archive"):
        extract([models, models], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_folders_are_found_in_another_letter_case_where_that_is_clear(tmp_path):
    for name in ("abc", "DE", "de"):
        (tmp_path / name).mkdir()
    folders = model_folders(tmp_path)
    assert folder_of("ABC", folders) == tmp_path / "abc"
    assert folder_of("de", folders) == tmp_path / "de"
    assert folder_of("De", folders) is None
    assert folder_of("xyz", folders) is None


def test_the_digest_follows_the_content(tmp_path, write_dataset):
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
