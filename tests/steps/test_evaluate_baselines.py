import io
import json

import numpy as np
import pandas as pd
import pytest
import trimesh
from PIL import Image

from shelfnet.config.evaluate import EvaluateSettings
from shelfnet.data.shards import write_shard
from shelfnet.data.surfaces import measure_surface, write_surfaces
from shelfnet.evaluation.results import COLUMNS, read_results
from shelfnet.geometry.meshes import Mesh
from shelfnet.steps.evaluate_baselines import evaluate_baselines

DEPTHS = {"r0": 0.2, "r1": 0.5, "r2": 0.6, "r3": 1.0, "t0": 0.55, "t1": 0.3, "v0": 0.4}
SPLIT = {"r": "train", "t": "test", "v": "validation"}
SETTINGS = EvaluateSettings(n_points=500, icp_iterations=2, random_train_draws=3)


@pytest.fixture
def data(tmp_path):
    """Boxes of different depths, three views each."""
    surfaces, shard, stream = tmp_path / "surfaces.parquet", tmp_path / "shard.parquet", io.BytesIO()
    Image.new("RGBA", (4, 4)).save(stream, "PNG")

    def surface(name):
        box = trimesh.creation.box((1.0, 1.0, DEPTHS[name]))
        mesh = Mesh(np.asarray(box.vertices, dtype=np.float64), np.asarray(box.faces, dtype=np.int64))
        return measure_surface(mesh, name, SPLIT[name[0]], 600, 0)

    write_surfaces(surfaces, ((name, surface(name)) for name in DEPTHS))
    common = {
        "image": {"bytes": stream.getvalue(), "path": None},
        "caption": "a box",
        "category": "Box",
        "super_category": None,
        "style": None,
        "theme": None,
        "material": None,
        "azimuth_deg": 0.0,
        "elevation_deg": 0.0,
        "cam2world": list(np.eye(4).ravel()),
        "fov_deg": 35.0,
        "engine": "pyrender",
        "seed": 0,
    }
    write_shard(
        shard,
        [common | {"model_id": name, "split": SPLIT[name[0]], "view": view} for name in DEPTHS for view in range(3)],
    )
    return {"surfaces": [surfaces], "shards": [shard]}


@pytest.fixture
def run(tmp_path, data):
    def call(threads=1):
        output, journal = tmp_path / "out" / "chamfer.csv", tmp_path / "journal.jsonl"
        evaluate_baselines(
            settings=SETTINGS, views_per_model=2, output=output, threads=threads, journal=journal, **data
        )
        return read_results(output), [json.loads(line) for line in journal.read_text().splitlines()]

    return call


def test_every_baseline_has_every_test_view(run):
    rows, events = run()
    assert tuple(rows.columns) == COLUMNS
    assert list(zip(rows["ablation"], rows["model_id"], rows["view"], strict=True)) == [
        (name, model, view)
        for name in ("sphere", "random_train", "mean_shape")
        for model in ("t0", "t1")
        for view in range(2)
    ]
    assert set(rows["stage"]) == {"coarse"}
    assert set(rows["alignment"]) == {"none"}
    assert set(rows["status"]) == {"ok"}
    assert set(rows["category"]) == {"Box"}
    assert rows[["azimuth_error_deg", "elevation_error_deg", "mask_iou"]].isna().all(axis=None)
    metrics = next(event["values"] for event in events if event["event"] == "metrics")
    means = rows.groupby("ablation")["chamfer"].mean()
    assert metrics == pytest.approx({f"test/{name}/chamfer": means[name] for name in means.index}, rel=1e-4)


def test_the_medoid_is_close_and_the_sphere_is_one_part(run):
    rows, _ = run()
    chamfer = rows.groupby("ablation")["chamfer"].mean()
    assert chamfer["mean_shape"] < chamfer["random_train"] < chamfer["sphere"]
    sphere = rows[rows["ablation"] == "sphere"]
    assert set(sphere["components"]) == {1}
    assert set(sphere["floater_fraction"]) == {0.0}
    assert rows[rows["ablation"] != "sphere"]["components"].isna().all()


def test_baselines_repeat(run):
    pd.testing.assert_frame_equal(run()[0], run(threads=3)[0])
