import json
import logging

import pytest

from shelfnet.config.dataset import DatasetSettings
from shelfnet.data.catalogue import read_models
from shelfnet.data.manifest import Manifest, write_manifest
from shelfnet.data.model_info import DatasetError
from shelfnet.data.quarantine import read_quarantine
from shelfnet.steps.build_catalogue import build_catalogue

TRIANGLE = "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"


def build(tmp_path, objs, **settings):
    root = tmp_path / "data"
    for model_id, obj in objs.items():
        (root / model_id).mkdir(parents=True)
        (root / model_id / "raw_model.obj").write_text(obj)
    (root / "model_info.json").write_text(json.dumps([{"model_id": model_id} for model_id in objs]))
    write_manifest(tmp_path / "manifest.json", Manifest("3d_future", root, "abc", len(objs)))
    out = tmp_path / "catalogue"
    build_catalogue(
        settings=DatasetSettings(**settings),
        n_shards=2,
        manifest=tmp_path / "manifest.json",
        models=out / "models.parquet",
        quarantine=out / "quarantine.csv",
        journal=tmp_path / "journal" / "build_catalogue.jsonl",
    )
    return out


def test_usable_and_refused_models_are_published(tmp_path):
    out = build(tmp_path, {"a": TRIANGLE, "b": "v 0 0 0", "c": TRIANGLE})
    assert [(model.model_id, model.shard) for model in read_models(out / "models.parquet")] == [("a", 0), ("c", 1)]
    assert [row.model_id for row in read_quarantine(out / "quarantine.csv")] == ["b"]
    assert sorted(path.name for path in out.iterdir()) == ["models.parquet", "quarantine.csv"]


def test_the_files_are_the_same_bytes_each_time(tmp_path):
    outs = [build(tmp_path / name, {"a": TRIANGLE, "b": "", "c": TRIANGLE}) for name in ("x", "y")]
    for name in ("models.parquet", "quarantine.csv"):
        assert (outs[0] / name).read_bytes() == (outs[1] / name).read_bytes()


def test_the_journal_counts(tmp_path):
    out = build(tmp_path, {"a": TRIANGLE, "b": ""}, splits={"validation": 0.0, "test": 0.0})
    lines = (tmp_path / "journal" / "build_catalogue.jsonl").read_text().splitlines()
    events = [json.loads(line) for line in lines]
    assert events[0]["values"] == {"models": 1.0, "quarantined": 1.0, "models_train": 1.0}
    assert [event["path"] for event in events[1:]] == [str(out / "models.parquet"), str(out / "quarantine.csv")]


def test_an_empty_split_is_warned_about(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        build(tmp_path, {"a": TRIANGLE}, splits={"validation": 0.0, "test": 0.0})
    assert "no model falls into split test" in caplog.text
    assert "split train" not in caplog.text


def test_nothing_usable_fails_and_publishes_nothing(tmp_path):
    with pytest.raises(DatasetError, match="all 1 models are quarantined"):
        build(tmp_path, {"a": ""})
    assert not (tmp_path / "catalogue").exists()
