import json
import logging
import os

import pytest

from shelfnet.data.archives import ArchiveError
from shelfnet.data.catalogue.dataset_layout import content_digest, find_root, model_folders
from shelfnet.data.catalogue.model_info import DatasetError
from shelfnet.data.sources import archive_parts, release
from shelfnet.data.sources.release import Release, assemble, find_release


def of(*names):
    """A filter for the files of the named models (or the list)."""
    return lambda file: file.split("/")[0] in names


LIST = "model_info.json"


def ids(root):
    return sorted(name for name, folder in model_folders(root).items() if (folder / "raw_model.obj").is_file())


@pytest.fixture
def extractions(monkeypatch):
    """Names of extracted archives in order."""
    names = []

    def extract(archive, target):
        names.append(archive.name)
        original(archive, target)

    original = archive_parts.extract_zip
    monkeypatch.setattr(archive_parts, "extract_zip", extract)
    return names


@pytest.fixture
def source(tmp_path, write_dataset):
    return write_dataset(tmp_path / "src", "a", "b", "c")


@pytest.fixture
def folder(tmp_path):
    """A user's folder of downloads."""
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


@pytest.fixture
def zips(folder, source, zip_folder):
    """Three archives with one model each; the last one has the list."""
    return (
        zip_folder(folder / "part1.zip", source, "part1/", of("a")),
        zip_folder(folder / "part2.ZIP", source, "part2/models/", of("b")),
        zip_folder(folder / "part3.zip", source, "part3/", of("c", LIST)),
    )


@pytest.mark.parametrize("prefix", ["", "3D-FUTURE-model/", "download (1)/3D-FUTURE-model/"])
def test_single_archive_at_any_depth(tmp_path, source, zip_folder, prefix):
    archive = zip_folder(tmp_path / "x.zip", source, prefix)
    found = find_release(archive)
    assert found == Release((archive,))
    root = assemble(found, tmp_path / "out")
    assert ids(root) == ["a", "b", "c"]
    assert (root / LIST).read_bytes() == (source / LIST).read_bytes()
    assert content_digest(root) == content_digest(source)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "src", "x.zip"]


def test_parts_assembled(tmp_path, folder, zips):
    found = find_release(folder)
    assert found == Release(zips)
    assert ids(assemble(found, tmp_path / "out")) == ["a", "b", "c"]


@pytest.mark.parametrize("inner", ["", "parts"])
def test_list_next_to_archives(tmp_path, folder, source, zip_folder, inner):
    (folder / inner).mkdir(exist_ok=True)
    archives = tuple(zip_folder(folder / inner / f"{name}.zip", source, f"part-{name}/", of(name)) for name in "ab")
    (source / LIST).rename(folder / LIST)
    found = find_release(folder)
    assert found == Release(archives, (folder / LIST,))
    root = assemble(found, tmp_path / "out")
    assert ids(root) == ["a", "b"]
    assert (root / LIST).read_bytes() == (folder / LIST).read_bytes()


def test_folder_without_archives_used_in_place(source):
    assert find_release(source) is None


def test_unneeded_archives_not_opened(source, zip_folder):
    zip_folder(source / "kept.zip", source, only=of("a", "b"))
    (source / "broken.zip").write_bytes(b"no archive")
    assert find_release(source) is None


def test_archives_inside_models_ignored(source):
    (source / "a" / "broken.zip").write_bytes(b"no archive")
    (source / "b" / "raw_model.obj").unlink()
    assert find_release(source) is None


def test_complete_list_needs_no_archive(folder, source, zips, write_list):
    (source / "a").rename(folder / "a")
    write_list(folder, [{"model_id": "A"}])
    assert find_release(folder) is None


@pytest.mark.parametrize("place", ["", "3D-FUTURE-model-part1", "download/part1"])
def test_archives_add_missing_models(tmp_path, folder, source, zips, extractions, place):
    (folder / place).mkdir(parents=True, exist_ok=True)
    (source / "a").rename(folder / place / "a")
    (source / LIST).rename(folder / LIST)
    found = find_release(folder)
    assert found == Release(zips[1:], (folder / LIST,), {"a": folder / place / "a"})
    assert ids(assemble(found, tmp_path / "out")) == ["a", "b", "c"]
    assert extractions == ["part2.ZIP", "part3.zip"]
    assert (folder / place / "a" / "raw_model.obj").is_file()


def test_tables_of_contents_read_once(tmp_path, folder, source, zips, monkeypatch):
    (source / "a").rename(folder / "a")
    (source / LIST).rename(folder / LIST)
    original, read = release.read_contents, []
    monkeypatch.setattr(release, "read_contents", lambda archive: read.append(archive) or original(archive))
    assemble(find_release(folder), tmp_path / "out")
    assert sorted(read) == sorted(zips)


def test_list_from_archive(tmp_path, folder, source, zips, zip_folder):
    zip_folder(zips[2], source, only=of("c"))
    zip_folder(folder / "tags.zip", source, only=of(LIST))
    (source / "a").rename(folder / "a")
    zips[0].unlink()
    root = assemble(find_release(folder), tmp_path / "out")
    assert ids(root) == ["a", "b", "c"]
    assert (root / LIST).is_file()


def test_extracted_models_in_archives_and_case(tmp_path, folder, source, zip_folder, write_list):
    first = zip_folder(folder / "ab.zip", source, only=of("a", "b"))
    second = zip_folder(folder / "ac.zip", source, only=of("a", "c"))
    (source / "a").rename(folder / "a")
    write_list(folder, [{"model_id": name} for name in "ABC"])
    found = find_release(folder)
    assert found.archives == (first, second)
    assert ids(assemble(found, tmp_path / "out")) == ["a", "b", "c"]


def test_models_and_list_in_separate_folders(tmp_path, folder, source, zips, extractions):
    for name in "abc":
        (folder / "models").mkdir(exist_ok=True)
        (source / name).rename(folder / "models" / name)
    (folder / "tags").mkdir()
    (source / LIST).rename(folder / "tags" / LIST)
    assert ids(assemble(find_release(folder), tmp_path / "out")) == ["a", "b", "c"]
    assert extractions == []


def test_extracted_takes_precedence(tmp_path, folder, source, zip_folder, write_list, caplog):
    zip_folder(folder / "all.zip", source)
    (source / "a").rename(folder / "a")
    (folder / "a" / "raw_model.obj").write_text("v 1 2 3\n")
    write_list(folder, [{"model_id": "a"}, {"model_id": "b"}])
    with caplog.at_level(logging.WARNING):
        root = assemble(find_release(folder), tmp_path / "out")
    folders = model_folders(root)
    assert (folders["a"] / "raw_model.obj").read_text() == "v 1 2 3\n"
    assert (folders["b"] / "raw_model.obj").read_bytes() == (source / "b" / "raw_model.obj").read_bytes()
    assert [entry["model_id"] for entry in json.loads((root / LIST).read_text())] == ["a", "b"]
    assert "all.zip: its model_info.json differs from" in caplog.text


def test_folder_without_obj_ignored(tmp_path, folder, source, zips):
    for name in "ab":
        (source / name).rename(folder / name)
    (folder / "a" / "raw_model.obj").unlink()
    (source / LIST).rename(folder / LIST)
    found = find_release(folder)
    assert list(found.extracted) == ["b"]
    assert ids(assemble(found, tmp_path / "out")) == ["a", "b", "c"]


def test_damaged_archive_refused(folder, source):
    (source / "a").rename(folder / "a")
    (source / LIST).rename(folder / LIST)
    (folder / "half.zip").write_bytes(b"PK\x03\x04")
    with pytest.raises(ArchiveError, match=r"half\.zip"):
        find_release(folder)


def test_links_not_staged(tmp_path, folder, source, zips):
    (source / "a").rename(folder / "a")
    (folder / "a" / "secret.png").symlink_to(tmp_path / "src" / LIST)
    os.mkfifo(folder / "a" / "pipe.png")
    found = model_folders(assemble(find_release(folder), tmp_path / "out"))
    assert sorted(path.name for path in found["a"].iterdir()) == ["model.mtl", "raw_model.obj", "texture.png"]


def test_conflicting_lists_refused(tmp_path, source, zip_folder, write_list):
    parts = tuple(zip_folder(tmp_path / f"{name}.zip", source, only=of(name, LIST)) for name in "ab")
    assert ids(assemble(Release(parts), tmp_path / "out")) == ["a", "b"]
    write_list(source, [{"model_id": "other"}])
    zip_folder(tmp_path / "b.zip", source, only=of("b", LIST))
    with pytest.raises(DatasetError, match=r"b\.zip: .*a\.zip"):
        assemble(Release(parts), tmp_path / "out")


def test_incomplete_release_refused(tmp_path, source, zip_folder, extractions):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "inner.zip").write_bytes(b"x")
    nested = zip_folder(tmp_path / "nested.zip", tmp_path / "other")
    bare = zip_folder(tmp_path / "bare.zip", source / "a")
    models = zip_folder(tmp_path / "models.zip", source, only=of("a", "b"))
    again = zip_folder(tmp_path / "again.zip", source, only=of("a", LIST))
    with pytest.raises(DatasetError, match=r"nested\.zip: .* found archives .*inner\.zip"):
        assemble(Release((nested,)), tmp_path / "out")
    with pytest.raises(DatasetError, match=r"bare\.zip: .* found raw_model\.obj"):
        assemble(Release((bare,)), tmp_path / "out")
    with pytest.raises(DatasetError, match=r"models\.zip.: expected model_info\.json .* found none.*tianchi"):
        assemble(Release((models,)), tmp_path / "out")
    with pytest.raises(DatasetError, match=r"again\.zip: a .*models\.zip"):
        assemble(Release((models, again)), tmp_path / "out")
    assert extractions == []
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("out")]


def test_duplicate_archive_ignored(tmp_path, zips, extractions, caplog):
    copy = zips[0].with_name("part1 (1).zip")
    copy.write_bytes(zips[0].read_bytes())
    assert ids(assemble(Release((*zips, copy)), tmp_path / "out")) == ["a", "b", "c"]
    assert extractions == ["part1.zip", "part2.ZIP", "part3.zip"]
    assert "part1 (1).zip is a copy of" in caplog.text


@pytest.mark.parametrize("place", ["archive", "moving"])
def test_interrupted_run_resumes(tmp_path, zips, extractions, monkeypatch, place):
    def interrupted(*args):
        if place == "moving" or args[0].name == "part2.ZIP":
            raise KeyboardInterrupt
        original(*args)

    module, name = (archive_parts, "extract_zip") if place == "archive" else (release, "_place_list")
    original = getattr(module, name)
    with monkeypatch.context() as patch:
        patch.setattr(module, name, interrupted)
        with pytest.raises(KeyboardInterrupt):
            assemble(Release(zips), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    before = extractions.copy()
    assert before == (["part1.zip"] if place == "archive" else ["part1.zip", "part2.ZIP", "part3.zip"])
    assert ids(assemble(Release(zips), tmp_path / "out")) == ["a", "b", "c"]
    assert sorted(extractions) == ["part1.zip", "part2.ZIP", "part3.zip"]
    assert not (tmp_path / "out.partial").exists()


def test_incomplete_parts_redone(tmp_path, zips, extractions):
    root = assemble(Release(zips), tmp_path / "out")
    whole = content_digest(root)
    (tmp_path / "out").rename(tmp_path / "out.partial")
    left = tmp_path / "out.partial" / root.relative_to(tmp_path / "out")
    parts = {next(path.iterdir()).name: path for path in left.glob("zip-*") if not (path / LIST).exists()}
    (parts["a"] / "a" / "texture.png").unlink()
    (parts["b"] / "b" / "raw_model.obj").write_text("")
    (left / archive_parts.UNFINISHED / "models" / "stale").mkdir(parents=True)
    (left / "stale").mkdir()
    extractions.clear()
    again = assemble(Release(zips), tmp_path / "out")
    assert extractions == ["part1.zip", "part2.ZIP"]
    assert content_digest(again) == whole
    assert not (again / "stale").exists()
    assert not (again / archive_parts.UNFINISHED).exists()


def test_changed_archive_extracted_again(tmp_path, folder, source, zips, zip_folder, extractions):
    broken = folder / "part3.zip"
    whole = broken.read_bytes()
    broken.write_bytes(whole[:60] + bytes([whole[60] ^ 1]) + whole[61:])
    with pytest.raises(ArchiveError, match=r"part3\.zip"):
        assemble(Release(zips), tmp_path / "out")
    broken.write_bytes(whole)
    obj = source / "a" / "raw_model.obj"
    obj.write_text(obj.read_text().replace("v 2 0 0", "v 3 0 0"))
    (source / "a").rename(source / "d")
    zip_folder(zips[0], source, "part1/", of("d"))
    extractions.clear()
    root = assemble(Release(zips), tmp_path / "out")
    assert extractions == ["part1.zip", "part3.zip"]
    assert ids(root) == ["b", "c", "d"]
    assert "v 3 0 0" in (model_folders(root)["d"] / "raw_model.obj").read_text()
    assert len(list(root.glob("zip-*"))) == 3


def test_complete_data_set_reused(tmp_path, zips, extractions):
    first = content_digest(assemble(Release(zips), tmp_path / "out"))
    (tmp_path / "out" / "stale").write_text("")
    extractions.clear()
    assert content_digest(assemble(Release(zips), tmp_path / "out")) == first
    assert extractions == []
    assert not (tmp_path / "out" / "stale").exists()
    broken = tmp_path / "broken.zip"
    broken.write_bytes(zips[0].read_bytes()[:-30])
    with pytest.raises(ArchiveError, match=r"broken\.zip"):
        assemble(Release((*zips, broken)), tmp_path / "out")
    assert content_digest(find_root(tmp_path / "out")) == first


def test_damaged_only_archive_leaves_nothing(tmp_path, source, zip_folder):
    archive = zip_folder(tmp_path / "x.zip", source)
    archive.write_bytes(archive.read_bytes().replace(b"v 2 0 0", b"v 3 0 0"))
    with pytest.raises(ArchiveError, match=r"x\.zip"):
        assemble(Release((archive,)), tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["src", "x.zip"]
