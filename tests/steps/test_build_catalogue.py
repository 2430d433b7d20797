import json
import logging

import pytest

from shelfnet.config.dataset import DatasetSettings
from shelfnet.data.catalogue.manifest import Manifest, write_manifest
from shelfnet.data.catalogue.model_info import DatasetError
from shelfnet.data.catalogue.models import read_models
from shelfnet.data.catalogue.quarantine import Quarantined, read_quarantine, write_quarantine
from shelfnet.steps.build_catalogue import build_catalogue

TRIANGLE = "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"


def build(tmp_path, objs, staging_quarantine=(), category=None, **settings):
    root = tmp_path / "data"
    for model_id, obj in objs.items():
        (root / model_id).mkdir(parents=True)
        (root / model_id / "raw_model.obj").write_text(obj)
    (root / "model_info.json").write_text(json.dumps([{"model_id": name, "category": category} for name in objs]))
    write_manifest(tmp_path / "manifest.json", Manifest("3d_future", root, "abc", len(objs)))
    write_quarantine(tmp_path / "staging_quarantine.csv", staging_quarantine)
    out = tmp_path / "catalogue"
    build_catalogue(
        settings=DatasetSettings(**settings),
        n_shards=2,
        manifest=tmp_path / "manifest.json",
        staging_quarantine=tmp_path / "staging_quarantine.csv",
        models=out / "models.parquet",
        quarantine=out / "quarantine.csv",
        journal=tmp_path / "journal" / "build_catalogue.jsonl",
    )
    return out


def test_publishes_usable_and_refused(tmp_path):
    out = build(tmp_path, {"a": TRIANGLE, "b": "v 0 0 0", "c": TRIANGLE})
    assert [(model.model_id, model.shard) for model in read_models(out / "models.parquet")] == [("a", 0), ("c", 1)]
    assert [row.model_id for row in read_quarantine(out / "quarantine.csv")] == ["b"]
    assert sorted(path.name for path in out.iterdir()) == ["models.parquet", "quarantine.csv"]


def test_outputs_reproducible(tmp_path):
    outs = [build(tmp_path / name, {"a": TRIANGLE, "b": "", "c": TRIANGLE}) for name in ("x", "y")]
    for name in ("models.parquet", "quarantine.csv"):
        assert (outs[0] / name).read_bytes() == (outs[1] / name).read_bytes()


def test_journal(tmp_path):
    out = build(tmp_path, {"a": TRIANGLE, "b": ""}, splits={"validation": 0.0, "test": 0.0})
    lines = (tmp_path / "journal" / "build_catalogue.jsonl").read_text().splitlines()
    events = [json.loads(line) for line in lines]
    assert events[0]["values"]["dataset.splits.test"] == "0.0"
    assert events[1]["values"] == {"models": 1.0, "quarantined": 1.0, "models_train": 1.0}
    assert [event["path"] for event in events[2:]] == [str(out / "models.parquet"), str(out / "quarantine.csv")]


def test_empty_split_warned(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        build(tmp_path, {"a": TRIANGLE}, splits={"validation": 0.0, "test": 0.0})
    assert "split test has no models" in caplog.text
    assert "split train" not in caplog.text


def test_nothing_usable_publishes_nothing(tmp_path):
    with pytest.raises(DatasetError, match="all 1 models are quarantined"):
        build(tmp_path, {"a": ""})
    assert not (tmp_path / "catalogue").exists()


def test_staging_quarantine_added(tmp_path):
    row = Quarantined("z", "stage_dataset", "broken", "z.glb")
    out = build(tmp_path, {"a": TRIANGLE, "b": ""}, staging_quarantine=[row])
    assert [row.model_id for row in read_quarantine(out / "quarantine.csv")] == ["z", "b"]


def test_too_few_usable_objects_refused(tmp_path, caplog):
    objaverse = {"categories": ["folding_chair"], "minimum_models": 3}
    objs = {"a": TRIANGLE, "b": TRIANGLE, "c": ""}
    given = {"kind": "objaverse", "objaverse": objaverse}
    with (
        caplog.at_level(logging.INFO),
        pytest.raises(DatasetError, match=r"at least 3 usable .* got 2 of Folding Chair; .* 'c': raw_model"),
    ):
        build(tmp_path / "few", objs, category="Folding Chair", **given)
    assert "Folding Chair: 2 models" in caplog.text
    assert not (tmp_path / "few" / "catalogue").exists()
    build(tmp_path / "limited", objs, category="Folding Chair", max_models=2, **given)


def test_urls_not_in_journal(tmp_path):
    remote = {"url": "https://example.org/x.zip?token=pass4711", "sha256": "0" * 64}
    build(tmp_path, {"a": TRIANGLE}, urls=[remote], accept_licence=True)
    assert "pass4711" not in (tmp_path / "journal" / "build_catalogue.jsonl").read_text()
