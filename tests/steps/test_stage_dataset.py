import gzip
import hashlib
import json
import zipfile

import pytest
import trimesh

from shelfnet.config.dataset import DatasetSettings
from shelfnet.config.load import ConfigError
from shelfnet.data.catalogue.dataset_layout import model_folders
from shelfnet.data.catalogue.manifest import read_manifest
from shelfnet.data.catalogue.model_info import DatasetError
from shelfnet.data.catalogue.models import make_catalogue
from shelfnet.data.catalogue.quarantine import read_quarantine
from shelfnet.data.sources.downloads import DownloadError
from shelfnet.steps.stage_dataset import stage_dataset


@pytest.fixture
def stage(tmp_path):
    """Runs the step into a results folder and returns the manifest."""

    def run(**settings):
        results = tmp_path / "results"
        stage_dataset(
            settings=DatasetSettings(**settings),
            output_dir=results / "dataset" / "models",
            manifest=results / "dataset" / "manifest.json",
            quarantine=results / "dataset" / "quarantine.csv",
            journal=results / "journal" / "stage_dataset.jsonl",
        )
        return read_manifest(results / "dataset" / "manifest.json")

    return run


def write_dataset(root, *model_ids):
    for model_id in model_ids:
        (root / model_id).mkdir(parents=True)
        (root / model_id / "raw_model.obj").write_text("v 0 0 0\n")
    (root / "model_info.json").write_text(json.dumps([{"model_id": model_id} for model_id in model_ids]))
    return root


def test_folder_used_in_place(tmp_path, stage):
    root = write_dataset(tmp_path / "data" / "3D-FUTURE-model", "a", "b")
    manifest = stage(kind="3d_future", path=str(tmp_path / "data"))
    assert (manifest.kind, manifest.root, manifest.models) == ("3d_future", root, 2)
    assert not (tmp_path / "results" / "dataset" / "models").exists()


def test_archive_from_environment(tmp_path, stage, monkeypatch):
    source = write_dataset(tmp_path / "src", "a")
    with zipfile.ZipFile(tmp_path / "models.zip", "w") as archive:
        for name in ("a/raw_model.obj", "model_info.json"):
            archive.write(source / name, f"3D-FUTURE-model/{name}")
    monkeypatch.setenv("SHELFNET_DATASET", str(tmp_path / "models.zip"))
    manifest = stage(kind="3d_future")
    assert manifest.root.is_relative_to(tmp_path / "results" / "dataset" / "models")
    assert (model_folders(manifest.root)["a"] / "raw_model.obj").read_text() == "v 0 0 0\n"
    by_folder = stage(kind="3d_future", path=str(source))
    assert by_folder.digest == manifest.digest


def test_archives_complete_extracted_part(tmp_path, stage):
    source = write_dataset(tmp_path / "src", "a", "b", "c")
    whole = stage(kind="3d_future", path=str(source)).digest
    (tmp_path / "data" / "part1").mkdir(parents=True)
    for name in "bc":
        with zipfile.ZipFile(tmp_path / "data" / f"{name}.zip", "w") as archive:
            archive.write(source / name / "raw_model.obj", f"part-{name}/{name}/raw_model.obj")
    (source / "a").rename(tmp_path / "data" / "part1" / "a")
    (source / "model_info.json").rename(tmp_path / "data" / "model_info.json")
    manifest = stage(kind="3d_future", path=str(tmp_path / "data"))
    assert (manifest.models, manifest.digest) == (3, whole)
    assert {"a", "b", "c"} <= model_folders(manifest.root).keys()


def test_missing_data_set_publishes_nothing(tmp_path, stage, monkeypatch):
    monkeypatch.delenv("SHELFNET_DATASET", raising=False)
    with pytest.raises(ConfigError, match="SHELFNET_DATASET"):
        stage(kind="3d_future")
    assert not (tmp_path / "results").exists()


def test_unreadable_list_publishes_nothing(tmp_path, stage):
    write_dataset(tmp_path / "data", "a")
    (tmp_path / "data" / "model_info.json").write_text("{")
    with pytest.raises(DatasetError, match=r"model_info\.json"):
        stage(kind="3d_future", path=str(tmp_path / "data"))
    assert not (tmp_path / "results").exists()


def test_journal(tmp_path, stage):
    write_dataset(tmp_path / "data", "a", "b")
    digest = stage(kind="3d_future", path=str(tmp_path / "data")).digest
    lines = (tmp_path / "results" / "journal" / "stage_dataset.jsonl").read_text().splitlines()
    events = {event["event"]: event for event in map(json.loads, lines)}
    assert {event["run"] for event in events.values()} == {"data"}
    assert events["tags"]["values"]["dataset_digest"] == digest
    assert events["metrics"]["values"] == {"models_listed": 2.0}
    assert "params" not in events


def test_showroom_is_reproducible(tmp_path, stage):
    settings = {"showroom": {"models": 2, "seed": 3, "texture_px": 32}}
    first = stage(kind="showroom", **settings)
    assert (first.kind, first.models) == ("showroom", 2)
    (first.root / "stale").mkdir()
    again = stage(kind="showroom", **settings)
    assert again == first
    assert not (again.root / "stale").exists()
    staged = sorted(path.name for path in (tmp_path / "results" / "dataset").iterdir())
    assert staged == ["manifest.json", "models", "quarantine.csv"]


def test_failing_generator_leaves_nothing(tmp_path, stage, monkeypatch):
    def failing(root, n_models, seed, texture_px):
        (root / "half").write_text("")
        raise RuntimeError

    monkeypatch.setattr("shelfnet.steps.stage_dataset.generate_furniture", failing)
    with pytest.raises(RuntimeError):
        stage(kind="showroom")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_downloads_extracted(tmp_path, stage):
    source = write_dataset(tmp_path / "src", "a", "b")
    files = [tmp_path / "mirror" / f"part-{name}.zip" for name in "ab"]
    files[0].parent.mkdir()
    for path, name in zip(files, "ab", strict=True):
        with zipfile.ZipFile(path, "w") as archive:
            archive.write(source / name / "raw_model.obj", f"part/{name}/raw_model.obj")
    files.append(source / "model_info.json")
    remotes = [
        {
            "url": path.as_uri(),
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "size_bytes": path.stat().st_size,
        }
        for path in files
    ]
    manifest = stage(kind="3d_future", urls=remotes, accept_licence=True)
    assert manifest.models == 2
    assert (model_folders(manifest.root)["b"] / "raw_model.obj").is_file()
    remotes[0]["sha256"] = "0" * 64
    with pytest.raises(DownloadError, match=r"part-a\.zip: expected SHA-256 0{64}"):
        stage(kind="3d_future", urls=remotes, accept_licence=True)


def test_urls_require_licence():
    remote = {"url": "https://example.org/x.zip", "sha256": "0" * 64}
    with pytest.raises(ValueError, match=r"dataset\.accept_licence"):
        DatasetSettings(kind="3d_future", urls=[remote])
    with pytest.raises(ValueError, match=r"urls\.0\.url"):
        DatasetSettings(kind="3d_future", urls=[remote | {"url": "ftp://example.org/x.zip"}], accept_licence=True)


def test_folder_converted(tmp_path, stage):
    (tmp_path / "in").mkdir()
    trimesh.creation.box((1, 2, 3)).export(tmp_path / "in" / "a.ply")
    (tmp_path / "in" / "broken.stl").write_bytes(b"")
    (tmp_path / "in" / "c.fbx").write_bytes(b"")
    (tmp_path / "tags.csv").write_text("file,category,material\na,Armchair,Oak\n")
    settings = {"kind": "folder", "path": str(tmp_path / "in"), "folder": {"tags": str(tmp_path / "tags.csv")}}
    manifest = stage(**settings)
    assert (manifest.kind, manifest.models) == ("folder", 1)
    rows = read_quarantine(tmp_path / "results" / "dataset" / "quarantine.csv")
    assert [row.path for row in rows] == ["c.fbx", "broken.stl"]
    (model,) = make_catalogue(manifest.root, DatasetSettings(**settings), 1).models
    assert (model.caption, model.longest_side_m) == ("An Armchair made out of Oak", 3.0)


def test_objaverse_converted_from_mirror(tmp_path, stage):
    mirror = tmp_path / "mirror"
    (mirror / "glbs" / "000-000").mkdir(parents=True)
    uids = ["0" * 31 + digit for digit in "123"]
    for uid in uids:
        trimesh.creation.box((1, 2, 3)).export(mirror / "glbs" / "000-000" / f"{uid}.glb")
    with gzip.open(mirror / "lvis-annotations.json.gz", "wt") as stream:
        json.dump({"chair": uids}, stream)
    objaverse = {"categories": ["chair"], "mirror": str(mirror), "minimum_models": 3}
    manifest = stage(kind="objaverse", objaverse=objaverse)
    assert (manifest.kind, manifest.models) == ("objaverse", 3)
    assert sorted(path.parent.name for path in manifest.root.glob("*/raw_model.obj")) == uids
    with pytest.raises(DatasetError, match="has 3 instances"):
        stage(kind="objaverse", objaverse=objaverse | {"minimum_models": 4})


def test_staging_settings():
    default = DatasetSettings(kind="folder", path="x")
    other = default.model_copy(update={"split_seed": 3, "surface_points": 300})
    assert other.for_staging() == default.for_staging().model_copy(update={"split_seed": 3})
    released = DatasetSettings(kind="3d_future", path="x", max_models=3, exclude=("a",))
    assert released.for_staging() == DatasetSettings(kind="3d_future", path="x")
