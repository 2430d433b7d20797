"""Place of the user's data, and the digest of its files."""

import os
from pathlib import Path

import pytest
from unprivileged import reachable_folder, unprivileged

from shelfnet.config.dataset import DatasetSettings
from shelfnet.config.load import ConfigError
from shelfnet.config.place import find_place, listing_digest, unread_variable

ZIPS = {"urls": [{"url": "https://example.org/a.zip", "sha256": "0" * 64}], "accept_licence": True}
OBJAVERSE = {"kind": "objaverse", "objaverse": {"categories": ["chair"]}}


def dataset(**settings) -> DatasetSettings:
    return DatasetSettings.model_validate({"kind": "folder"} | settings)


def fill(folder: Path, files: dict[str, int]) -> Path:
    for name, size in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x" * size)
    return folder


def test_place_is_the_same_however_it_is_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    place = fill(tmp_path / "data", {"a.glb": 1})
    (tmp_path / "link").symlink_to("data")
    for given_path in ("data", "data/", "./data", "../" + tmp_path.name + "/data", "~/data", "link", str(place)):
        assert find_place(dataset(path=given_path), {}) == place.resolve()
        assert find_place(dataset(path="elsewhere"), {"SHELFNET_DATASET": given_path}) == place.resolve()


@pytest.mark.parametrize("kind", ["3d_future", "folder", "images"])
def test_missing_place_is_reported_with_its_source_and_expected_contents(tmp_path, kind):
    missing = tmp_path / "missing"
    with pytest.raises(ConfigError, match=r"missing, named by dataset\.path.* expected .*docs/data\.md"):
        find_place(dataset(kind=kind, path=str(missing)), {})
    with pytest.raises(ConfigError, match="environment variable FURNITURE"):
        find_place(dataset(kind=kind, path=str(tmp_path), path_env="FURNITURE"), {"FURNITURE": str(missing)})
    with pytest.raises(ConfigError, match=r"dataset\.path or SHELFNET_DATASET: not set"):
        find_place(dataset(kind=kind), {"SHELFNET_DATASET": ""})


@pytest.mark.parametrize("closed", ["data", "data/set"])
def test_place_that_may_not_be_read_is_not_called_missing(closed):
    with reachable_folder() as folder:
        fill(folder / "data" / "set", {"a.glb": 1})
        (folder / closed).chmod(0)
        with unprivileged(), pytest.raises(ConfigError, match=r"set, named by dataset\.path, may not be read.*chmod"):
            find_place(dataset(path=str(folder / "data" / "set")), {})
        (folder / closed).chmod(0o755)


def test_digest_follows_links(tmp_path):
    place, elsewhere = (
        fill(tmp_path / "data", {"a.glb": 1}),
        fill(tmp_path / "elsewhere", {"b.glb": 2, "more/c.obj": 3}),
    )
    copied = listing_digest(fill(tmp_path / "copied", {"a.glb": 1, "b.glb": 2, "more/c.obj": 3}))
    (place / "b.glb").symlink_to("../elsewhere/b.glb")
    (place / "more").symlink_to(elsewhere / "more")
    (place / "loop").symlink_to(place)
    (place / "gone.glb").symlink_to("nowhere")
    assert listing_digest(place) == copied
    fill(elsewhere, {"b.glb": 4})
    assert listing_digest(place) != copied


@pytest.mark.parametrize("other", [{"kind": "showroom"}, OBJAVERSE, {"kind": "3d_future", **ZIPS}])
def test_variable_is_unread_by_generated_and_downloaded_data(other):
    settings = dataset(**other)
    assert find_place(settings, {"SHELFNET_DATASET": "/nowhere"}) is None
    assert unread_variable(settings, {"SHELFNET_DATASET": "/nowhere"}) == "SHELFNET_DATASET"
    assert unread_variable(settings, {"SHELFNET_DATASET": "", "PATH": "/bin"}) is None
    assert unread_variable(dataset(**other, path_env=None), {"SHELFNET_DATASET": "/nowhere"}) is None


def test_variable_is_read_by_a_folder():
    assert unread_variable(dataset(), {"SHELFNET_DATASET": "/nowhere"}) is None


FILES = {"a/raw_model.obj": 3, "a/texture.PNG": 5, "b/raw_model.obj": 3, "model_info.json": 7}


@pytest.mark.parametrize(
    ("files", "changes"),
    [
        ({"c/raw_model.obj": 3}, True),
        ({"a/texture.PNG": 6}, True),
        ({"model_info.json": 8}, True),
        ({"README.txt": 9}, False),
        ({".hidden.obj": 9}, False),
        ({".cache/c.obj": 9}, False),
        ({"results/renders/a.parquet": 9}, False),
    ],
)
def test_digest_changes_with_files_that_stages_read(tmp_path, monkeypatch, files, changes):
    monkeypatch.chdir(tmp_path)
    before = listing_digest(fill(tmp_path, FILES))
    assert (listing_digest(fill(tmp_path, files)) != before) == changes


def test_digest_changes_with_removed_and_renamed_files(tmp_path):
    before = listing_digest(fill(tmp_path, FILES))
    (tmp_path / "a").rename(tmp_path / "z")
    renamed = listing_digest(tmp_path)
    (tmp_path / "model_info.json").unlink()
    assert len({before, renamed, listing_digest(tmp_path)}) == 3


def test_digest_ignores_modification_times(tmp_path):
    first, copy = fill(tmp_path / "first", FILES), fill(tmp_path / "copy", dict(reversed(FILES.items())))
    os.utime(copy / "model_info.json", (1, 1))
    assert listing_digest(first) == listing_digest(copy)


def test_digest_of_a_zip_file_changes_with_name_and_size(tmp_path):
    fill(tmp_path, {"a.zip": 3, "b.zip": 3, "c/a.zip": 4})
    assert len({listing_digest(tmp_path / name) for name in ("a.zip", "b.zip", "c/a.zip")}) == 3


@pytest.mark.parametrize("place", [{"path": "/data"}, {"path_env": None}, ZIPS, {"downloads": "elsewhere"}])
def test_catalogue_settings_have_no_place(place):
    assert dataset(**place).for_catalogue() == dataset().for_catalogue()
    assert dataset(max_models=3).for_catalogue() != dataset().for_catalogue()
