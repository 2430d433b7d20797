import json
import zipfile

import pytest

from shelfnet.config.dataset import DatasetSettings
from shelfnet.data.manifest import read_manifest
from shelfnet.data.model_info import DatasetError
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


def test_a_folder_is_used_where_it_is(tmp_path, stage):
    root = write_dataset(tmp_path / "data" / "3D-FUTURE-model", "a", "b")
    manifest = stage(kind="3d_future", path=str(tmp_path / "data"))
    assert (manifest.kind, manifest.root, manifest.models) == ("3d_future", root, 2)
    assert not (tmp_path / "results" / "dataset" / "models").exists()


def test_an_archive_named_by_the_environment_is_extracted(tmp_path, stage, monkeypatch):
    source = write_dataset(tmp_path / "src", "a")
    with zipfile.ZipFile(tmp_path / "models.zip", "w") as archive:
        for name in ("a/raw_model.obj", "model_info.json"):
            archive.write(source / name, f"3D-FUTURE-model/{name}")
    monkeypatch.setenv("SHELFNET_DATASET", str(tmp_path / "models.zip"))
    manifest = stage(kind="3d_future")
    assert manifest.root.is_relative_to(tmp_path / "results" / "dataset" / "models")
    assert (manifest.root / "a" / "raw_model.obj").read_text() == "v 0 0 0\n"
    by_folder = stage(kind="3d_future", path=str(source))
    assert by_folder.digest == manifest.digest


def test_an_absent_data_set_publishes_nothing(tmp_path, stage, monkeypatch):
    monkeypatch.delenv("SHELFNET_DATASET", raising=False)
    with pytest.raises(DatasetError, match="SHELFNET_DATASET"):
        stage(kind="3d_future")
    assert not (tmp_path / "results").exists()


def test_an_unreadable_list_publishes_no_manifest(tmp_path, stage):
    write_dataset(tmp_path / "data", "a")
    (tmp_path / "data" / "model_info.json").write_text("{")
    with pytest.raises(DatasetError, match=r"model_info\.json"):
        stage(kind="3d_future", path=str(tmp_path / "data"))
    assert not (tmp_path / "results").exists()


def test_the_journal_tells_digest_and_count(tmp_path, stage):
    write_dataset(tmp_path / "data", "a", "b")
    digest = stage(kind="3d_future", path=str(tmp_path / "data")).digest
    lines = (tmp_path / "results" / "journal" / "stage_dataset.jsonl").read_text().splitlines()
    events = {event["event"]: event for event in map(json.loads, lines)}
    assert {event["run"] for event in events.values()} == {"data"}
    assert events["tags"]["values"]["dataset_digest"] == digest
    assert events["metrics"]["values"] == {"models_listed": 2.0}
    assert events["params"]["values"]["dataset.kind"] == "3d_future"


def test_the_showroom_is_generated_again_the_same(tmp_path, stage):
    settings = {"showroom": {"models": 2, "seed": 3, "texture_px": 32}}
    first = stage(kind="showroom", **settings)
    assert (first.kind, first.models) == ("showroom", 2)
    (first.root / "stale").mkdir()
    again = stage(kind="showroom", **settings)
    assert again == first
    assert not (again.root / "stale").exists()
    assert sorted(path.name for path in (tmp_path / "results" / "dataset").iterdir()) == ["manifest.json", "models"]


def test_a_failing_generator_leaves_nothing(tmp_path, stage, monkeypatch):
    def failing(root, n_models, seed, texture_px):
        (root / "half").write_text("")
        raise RuntimeError

    monkeypatch.setattr("shelfnet.steps.stage_dataset.generate_showroom", failing)
    with pytest.raises(RuntimeError):
        stage(kind="showroom")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
