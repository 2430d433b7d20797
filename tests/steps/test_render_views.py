import csv
import io
import json
import logging
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import fragile_engine
import numpy as np
import pyarrow.parquet as pq
import pytest
from box_models import ASYMMETRIC, cameras, iou, silhouette, write_obj, write_textured
from PIL import Image

from shelfnet.blender.devices import DeviceError
from shelfnet.config.load import load_config
from shelfnet.config.render import RenderSettings, ViewPrior
from shelfnet.data.catalogue.manifest import Manifest, write_manifest
from shelfnet.data.catalogue.models import CatalogueModel, write_models
from shelfnet.data.catalogue.quarantine import AllRefusedError
from shelfnet.data.photographs.crops import object_side
from shelfnet.data.seeding import named_generator
from shelfnet.data.shards.schema import SCHEMA
from shelfnet.data.view_sampling import sample_views
from shelfnet.provenance import file_digest
from shelfnet.steps import render_engines
from shelfnet.steps import render_views as step
from shelfnet.steps.render_views import render_views

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = RenderSettings(engine="pyrender", resolution_px=32, views_per_model=3, seed=5)
ENTRY = CatalogueModel(
    model_id="", split="train", shard=0, super_category="Chair", category="armchair", style="modern", theme=None,
    material="wood", caption="A modern armchair made out of wood", obj_path="", n_vertices=16, n_faces=24,
    longest_side_m=1.0, textured=True,
)  # fmt: skip


@pytest.fixture
def workplace(tmp_path):
    def run(ids, *, settings=SETTINGS, shard=0, threads=1, out="out"):
        root = tmp_path / "data"
        root.mkdir(exist_ok=True)
        write_manifest(tmp_path / "manifest.json", Manifest("showroom", root, "d1g35t", len(ids)))
        entries = [replace(ENTRY, model_id=name, obj_path=f"{name}/raw_model.obj", shard=rank % 2)
                   for rank, name in enumerate(ids)]  # fmt: skip
        write_models(tmp_path / "models.parquet", entries)
        render_views(
            settings=settings,
            manifest=tmp_path / "manifest.json",
            models=tmp_path / "models.parquet",
            shard=shard,
            threads=threads,
            output=tmp_path / out / "shard.parquet",
            quarantine=tmp_path / out / "quarantine.csv",
            journal=tmp_path / out / "journal.jsonl",
        )
        return pq.read_table(tmp_path / out / "shard.parquet")

    return run


@pytest.fixture
def fake(monkeypatch):
    """Replaces engine and child process; the name of a model determines its outcome."""

    @contextmanager
    def isolated_engine(settings, threads):
        yield fragile_engine.render

    monkeypatch.setattr(step, "isolated_engine", isolated_engine)


@pytest.fixture
def unguarded(monkeypatch):
    """The engine in this process, which starts sooner."""
    monkeypatch.setattr(step, "isolated_engine", _unguarded)


@pytest.fixture
def fragile(monkeypatch):
    """The fake engine in a child process, which models can crash."""
    monkeypatch.setattr(render_engines, "make_renderer", fragile_engine.make_renderer)


def refused(tmp_path):
    with (tmp_path / "out" / "quarantine.csv").open() as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("engine", ["pyrender", "cycles"])
def test_rows_match_renders(workplace, unguarded, tmp_path, engine):
    write_textured(tmp_path / "data" / "chair", ASYMMETRIC)
    settings = SETTINGS.model_copy(update={"engine": engine, "samples": 2})
    table = workplace(["chair"], settings=settings)
    assert table.schema.names == SCHEMA.names
    rows = table.to_pylist()
    assert [(row["model_id"], row["view"], row["engine"], row["seed"]) for row in rows] == [
        ("chair", view, engine, 5) for view in range(3)
    ]
    for row in rows:
        expected = cameras((row["azimuth_deg"], row["elevation_deg"]), distance=settings.camera_distance)[0]
        np.testing.assert_allclose(np.array(row["cam2world"]).reshape(4, 4), expected, atol=1e-6)
        assert settings.prior.elevation_min_deg <= row["elevation_deg"] <= settings.prior.elevation_max_deg
        image = np.asarray(Image.open(io.BytesIO(row["image"]["bytes"])))
        assert image.shape == (32, 32, 4) and image[16, 16, 3] == 255 and image[0, 0, 3] == 0


@pytest.mark.parametrize("engine", sorted(render_engines.ENGINES))
def test_no_variation_keeps_the_images_of_the_engine(workplace, unguarded, tmp_path, engine):
    path = write_textured(tmp_path / "data" / "chair", ASYMMETRIC)
    settings = SETTINGS.model_copy(update={"engine": engine, "samples": 2})
    rows = workplace(["chair"], settings=settings).to_pylist()
    views = sample_views(settings.prior, 3, named_generator(settings.seed, "chair"))
    with render_engines.open_engine(settings, threads=1) as opened:
        expected = opened.render(path, views.cam2world(settings.camera_distance))
    for row, image in zip(rows, expected, strict=True):
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(row["image"]["bytes"]))), image)


def test_variation_reproducible_and_described(workplace, unguarded, tmp_path):
    write_textured(tmp_path / "data" / "chair", ASYMMETRIC)
    lens = {"fov_min_deg": 25, "fov_max_deg": 60, "distance_min": 1.1, "distance_max": 1.6, "off_centre": 0.8}
    settings = RenderSettings.model_validate({**SETTINGS.model_dump(), "variation": {**lens, "roll_deg": 5}})
    table, plain = workplace(["chair"], settings=settings), workplace(["chair"], out="plain")
    assert table.equals(workplace(["chair"], settings=settings, out="again"))
    for name in ("azimuth_deg", "elevation_deg", "view"):
        assert table[name] == plain[name]
    for row in table.to_pylist():
        camera, fov = np.array(row["cam2world"]).reshape(4, 4), math.radians(row["fov_deg"])
        expected = silhouette(ASYMMETRIC, camera, fov, 32)
        image = np.asarray(Image.open(io.BytesIO(row["image"]["bytes"])))
        assert iou(image[..., 3] > 127, expected) > 0.9
        x, y, z = camera[:3, 3]
        assert math.degrees(math.atan2(x, z)) == pytest.approx(row["azimuth_deg"], abs=1e-3)
        assert math.degrees(math.atan2(y, math.hypot(x, z))) == pytest.approx(row["elevation_deg"], abs=1e-3)


def test_all_variation_at_once(workplace, unguarded, tmp_path):
    write_textured(tmp_path / "data" / "chair", ASYMMETRIC)
    wild = load_config(ROOT / "config.yaml", ROOT / "workflow" / "presets" / "wild.yaml").render
    settings = wild.model_copy(update={"resolution_px": 32, "views_per_model": 4})
    table = workplace(["chair"], settings=settings)
    assert table.equals(workplace(["chair"], settings=settings, out="again"))
    for row in table.to_pylist():
        image = np.asarray(Image.open(io.BytesIO(row["image"]["bytes"])))
        assert image.shape == (32, 32, 4) and object_side(image) == pytest.approx(0.7 * 32, abs=2)


def test_output_reproducible(workplace, unguarded, tmp_path):
    write_obj(tmp_path / "data" / "chair")
    settings = SETTINGS.model_copy(update={"engine": "cycles", "samples": 2})
    first, second = workplace(["chair"], settings=settings), workplace(["chair"], settings=settings, out="again")
    other = workplace(["chair"], settings=settings.model_copy(update={"seed": 6}), out="other")
    assert first.equals(second)
    assert first["azimuth_deg"] != other["azimuth_deg"]


def test_views_independent_of_other_models(workplace, fake):
    alone, together = workplace(["chair"]), workplace(["aaa", "bbb", "chair"], out="again")
    mates = [row for row in together.to_pylist() if row["model_id"] == "chair"]
    assert alone.to_pylist() == mates


def test_renders_only_its_shard(workplace, fake):
    assert Counter(workplace(["a", "b", "c"], shard=1)["model_id"].to_pylist()) == {"b": 3}


def test_unusable_models_quarantined(workplace, fake, tmp_path, caplog):
    table = workplace(["blank", "x", "broken", "x", "chair", "x"])
    assert set(table["model_id"].to_pylist()) == {"chair"}
    assert [(row["model_id"], row["stage"], row["path"]) for row in refused(tmp_path)] == [
        ("blank", "render_views", "blank/raw_model.obj"),
        ("broken", "render_views", "broken/raw_model.obj"),
    ]
    assert "blank image" in refused(tmp_path)[0]["reason"] and "no faces" in refused(tmp_path)[1]["reason"]
    assert "model broken is refused" in caplog.text


@pytest.mark.parametrize(
    ("name", "limits", "reason"),
    [
        ("segfault", {}, "SIGSEGV"),
        ("hang", {"model_timeout_s": 0.5}, "0.5 s"),
        ("greedy", {"model_memory_mb": 600}, "600 MB"),
    ],
)
def test_crashing_model_quarantined(workplace, fragile, tmp_path, name, limits, reason):
    settings = SETTINGS.model_copy(update=limits)
    table = workplace(["a_chair", "x", name, "x", "z_chair", "x"], settings=settings)
    assert Counter(table["model_id"].to_pylist()) == {"a_chair": 3, "z_chair": 3}
    (row,) = refused(tmp_path)
    assert row["model_id"] == name and reason in row["reason"]


def test_engine_failure_stops_shard(workplace, tmp_path):
    write_obj(tmp_path / "data" / "chair")
    with pytest.raises(DeviceError, match=r"expected a GPU for cuda|unknown to this build"):
        workplace(["chair"], settings=SETTINGS.model_copy(update={"engine": "cycles", "device": "cuda"}))
    assert refused(tmp_path) == []


KILLED = """
import sys
from pathlib import Path
import fragile_engine
from shelfnet.config.load import load_config
from shelfnet.config.render import RenderSettings
from shelfnet.steps import render_engines
from shelfnet.steps.render_views import render_views

if __name__ == "__main__":
    render_engines.make_renderer = fragile_engine.make_renderer
    folder = Path(sys.argv[1])
    render_views(
        settings=RenderSettings.model_validate_json(sys.argv[2]), manifest=folder / "manifest.json",
        models=folder / "models.parquet", shard=0, threads=1, output=folder / "out" / "shard.parquet",
        quarantine=folder / "out" / "quarantine.csv", journal=folder / "out" / "journal.jsonl",
    )
"""


def test_killed_shard_reruns_to_same_bytes(workplace, fragile, tmp_path):
    workplace(["a_chair", "x", "b_chair", "x"])
    undisturbed = (tmp_path / "out" / "shard.parquet").read_bytes()
    shutil.rmtree(tmp_path / "out")
    _kill_while_it_renders(tmp_path)
    assert [path.name for path in (tmp_path / "out").iterdir() if not path.name.endswith(".partial")] == []
    workplace(["a_chair", "x", "b_chair", "x"])
    assert (tmp_path / "out" / "shard.parquet").read_bytes() == undisturbed
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"shard.parquet", "quarantine.csv", "journal.jsonl"}


def _kill_while_it_renders(tmp_path):
    """Kills the step while it renders its second model."""
    script, mark = tmp_path / "killed.py", tmp_path / "mark"
    script.write_text(KILLED)
    environment = os.environ | {"SHELFNET_TEST_SLOW": "b_chair", "SHELFNET_TEST_MARK": str(mark)}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    with subprocess.Popen([sys.executable, script, tmp_path, SETTINGS.model_dump_json()], env=environment) as run:
        deadline = time.monotonic() + 600
        while not mark.exists() and run.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        run.kill()
    assert mark.exists() and run.returncode == -signal.SIGKILL


@pytest.mark.parametrize("engine", sorted(render_engines.ENGINES))
def test_output_independent_of_process_and_threads(workplace, tmp_path, monkeypatch, capfd, engine):
    for name in ("one", "two"):
        write_textured(tmp_path / "data" / name, ASYMMETRIC)
    settings = SETTINGS.model_copy(update={"engine": engine, "samples": 3})
    workplace(["one", "x", "two", "x"], settings=settings)
    workplace(["one", "x", "two", "x"], settings=settings, out="threads", threads=2)
    assert "Not freed" not in capfd.readouterr().err
    monkeypatch.setattr(step, "isolated_engine", _unguarded)
    workplace(["one", "x", "two", "x"], settings=settings, out="unguarded")
    digests = {file_digest(tmp_path / out / "shard.parquet") for out in ("out", "threads", "unguarded")}
    assert len(digests) == 1


@contextmanager
def _unguarded(settings, threads):
    with render_engines.open_engine(settings, threads) as engine:
        yield lambda job: engine.render(job.obj_path, job.cam2world, job.conditions)


def test_all_models_refused(workplace, fake, tmp_path):
    with pytest.raises(AllRefusedError, match=r"all 2 models .* 'blank': .*'broken': "):
        workplace(["blank", "x", "broken"])
    assert not (tmp_path / "out" / "shard.parquet").exists()
    assert len(refused(tmp_path)) == 2


def test_empty_shard(workplace, fake, tmp_path):
    assert workplace(["a"], shard=1).num_rows == 0
    assert refused(tmp_path) == []


def test_journal_and_log(workplace, fake, tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        workplace(["blank", "x", "chair"])
    assert "2 of 2 models, 1 refused" in caplog.text
    events = [json.loads(line) for line in (tmp_path / "out" / "journal.jsonl").read_text().splitlines()]
    metrics = next(event["values"] for event in events if event["event"] == "metrics")
    assert (metrics["models_rendered"], metrics["models_refused"]) == (1, 1)


def test_views_follow_prior(workplace, fake):
    prior = ViewPrior(azimuth_min_deg=10, azimuth_max_deg=20, elevation_min_deg=5, elevation_max_deg=5)
    table = workplace(["chair"], settings=SETTINGS.model_copy(update={"prior": prior}))
    azimuth, elevation = np.array(table["azimuth_deg"]), np.array(table["elevation_deg"])
    assert ((azimuth >= 10) & (azimuth <= 20)).all() and np.allclose(elevation, 5)
