import ctypes
import json

import numpy as np
import pytest

from shelfnet.config.dataset import DatasetSettings
from shelfnet.data.catalogue.manifest import Manifest, write_manifest
from shelfnet.data.catalogue.models import make_catalogue, write_models
from shelfnet.data.catalogue.quarantine import AllRefusedError, read_quarantine
from shelfnet.data.surfaces import load_surfaces
from shelfnet.steps import sample_surfaces as step
from shelfnet.steps.sample_surfaces import sample_surfaces

PANEL = "v 0 0 0\nv 4 0 0\nv 4 2 0\nv 0 2 0\nf 1 2 3 4\n"
SETTINGS = DatasetSettings(surface_points=300)


@pytest.fixture
def sample(tmp_path):
    """Three models over two shards, catalogued; runs the step for one shard."""
    root = tmp_path / "data"
    for model_id in "abc":
        (root / model_id).mkdir(parents=True)
        (root / model_id / "raw_model.obj").write_text(PANEL)
    (root / "model_info.json").write_text(json.dumps([{"model_id": model_id} for model_id in "abc"]))
    write_manifest(tmp_path / "manifest.json", Manifest("3d_future", root, "abc", 3))
    write_models(tmp_path / "models.parquet", make_catalogue(root, SETTINGS, n_shards=2).models)

    def run(shard):
        output = tmp_path / "surfaces" / f"shard-{shard:04d}.parquet"
        sample_surfaces(
            settings=SETTINGS,
            manifest=tmp_path / "manifest.json",
            models=tmp_path / "models.parquet",
            shard=shard,
            output=output,
            quarantine=output.with_name(f"quarantine-{shard:04d}.csv"),
        )
        return output

    return run


def test_shards_hold_their_models(sample):
    surfaces = load_surfaces([sample(0), sample(1)])
    assert list(surfaces) == ["a", "b", "c"]
    assert list(load_surfaces([sample(1)])) == ["b"]
    surface = surfaces["a"]
    assert surface.points.shape == (300, 3)
    assert np.abs(surface.points[:, 0]).max() == pytest.approx(0.5, abs=0.02)
    assert np.abs(surface.points[:, 1]).max() == pytest.approx(0.25, abs=0.02)
    np.testing.assert_allclose(surface.normals, np.broadcast_to([0, 0, 1], (300, 3)))
    assert surface.occupancy[:, 8:24].any(axis=0).all()


def test_output_reproducible(sample):
    assert sample(0).read_bytes() == sample(0).read_bytes()


def test_empty_shard(sample):
    assert len(load_surfaces([sample(7)])) == 0


def refusals(output):
    rows = read_quarantine(output.parent / "quarantine-0000.csv")
    return {row.model_id: (row.stage, row.reason, row.path) for row in rows}


def test_missing_model_refused(sample, tmp_path):
    assert refusals(sample(0)) == {}
    (tmp_path / "data" / "a" / "raw_model.obj").unlink()
    output = sample(0)
    surfaces = load_surfaces([output])
    assert list(surfaces) == ["c"]
    assert surfaces.refused == {"a"}
    assert refusals(output) == {"a": ("sample_surfaces", "raw_model.obj is not there", "a/raw_model.obj")}


def test_all_models_refused(sample, tmp_path):
    (tmp_path / "data" / "b" / "raw_model.obj").unlink()
    with pytest.raises(AllRefusedError, match=r"all 1 models .*'b': raw_model\.obj"):
        sample(1)
    assert not (tmp_path / "surfaces" / "shard-0001.parquet").exists()
    assert [row.model_id for row in read_quarantine(tmp_path / "surfaces" / "quarantine-0001.csv")] == ["b"]


def crash_on_a(root, settings):
    measure = make_measure(root, settings)
    return lambda model: ctypes.string_at(0) if model.model_id == "a" else measure(model)


make_measure = step._make_measure


def test_crashing_model_refused(sample, monkeypatch):
    monkeypatch.setattr(step, "_make_measure", crash_on_a)
    output = sample(0)
    assert list(load_surfaces([output])) == ["c"]
    assert refusals(output)["a"][1] == "crashed with SIGSEGV"
