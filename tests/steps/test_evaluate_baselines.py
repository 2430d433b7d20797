import io
import json

import numpy as np
import pandas as pd
import pytest
import trimesh
from PIL import Image

from shelfnet.config.evaluate import EvaluateSettings
from shelfnet.data.shards.reader import load_evaluation_views
from shelfnet.data.shards.writer import write_shard
from shelfnet.data.surfaces import load_surfaces, measure_surface, write_surfaces
from shelfnet.evaluation.results import COLUMNS, read_results
from shelfnet.geometry.meshes import Mesh
from shelfnet.steps import evaluate_baselines as step

DEPTHS = {"r0": 0.2, "r1": 0.5, "r2": 0.6, "r3": 1.0, "t0": 0.55, "t1": 0.3, "v0": 0.4, "v1": 0.9}
SPLIT = {"r": "train", "t": "test", "v": "validation"}
SETTINGS = EvaluateSettings(
    n_points=500, icp_iterations=2, unicorn_points=500, unicorn_iterations=2, random_train_draws=3
)
VALIDATION_VIEWS = 3


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
        step.evaluate_baselines(
            settings=SETTINGS,
            views_per_model=2,
            validation_views=VALIDATION_VIEWS,
            output=output,
            levels=tmp_path / "out" / "validation.csv",
            threads=threads,
            journal=journal,
            **data,
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
    assert rows["alignment_deg"].isna().all() and rows["has_truth"].all()
    assert set(rows["status"]) == {"ok"}
    assert set(rows["category"]) == {"Box"}
    assert rows[["azimuth_error_deg", "elevation_error_deg", "mask_iou"]].isna().all(axis=None)
    metrics = next(event["values"] for event in events if event["event"] == "metrics")
    means = rows.groupby("ablation")["chamfer"].mean()
    assert metrics == pytest.approx({f"test/{name}/chamfer": means[name] for name in means.index}, rel=1e-4)


def test_medoid_is_closest_and_sphere_is_one_component(run):
    rows, _ = run()
    chamfer = rows.groupby("ablation")["chamfer"].mean()
    assert chamfer["mean_shape"] < chamfer["random_train"] < chamfer["sphere"]
    sphere = rows[rows["ablation"] == "sphere"]
    assert set(sphere["components"]) == {1}
    assert set(sphere["floater_fraction"]) == {0.0}
    assert rows[rows["ablation"] != "sphere"]["components"].isna().all()


def test_baselines_repeat(run):
    pd.testing.assert_frame_equal(run()[0], run(threads=3)[0])


def naive_chamfer(one, other):
    distances = np.linalg.norm(one[:, None] - other[None], axis=-1)
    return 0.5 * (distances.min(axis=0).mean() + distances.min(axis=1).mean())


def test_levels_use_the_validation_views_and_points(run, data, tmp_path, monkeypatch):
    monkeypatch.setattr(step, "CURVE_POINTS", 100)
    monkeypatch.setattr(step, "draw_training_models", lambda model_ids, draws, generator: ("r0", "r3"))
    run()
    levels = pd.read_csv(tmp_path / "out" / "validation.csv").set_index("ablation")
    assert list(levels.index) == ["sphere", "random_train", "mean_shape"]
    assert set(levels["n_views"]) == {VALIDATION_VIEWS}
    assert set(levels["n_points"]) == {100}
    truth = load_surfaces(data["surfaces"])
    views = load_evaluation_views(data["shards"], "validation", None, model_ids=truth, max_views=VALIDATION_VIEWS)
    assert views.model_ids == ("v0", "v0", "v1")
    points = {name: truth[name].points[:100].astype(np.float64) for name in DEPTHS}
    for name, others in (("random_train", ("r0", "r3")), ("mean_shape", ("r1",))):
        expected = np.mean([[naive_chamfer(points[other], points[own]) for other in others] for own in views.model_ids])
        assert levels.loc[name, "chamfer"] == pytest.approx(expected, rel=1e-4)
    assert levels.loc["sphere", "chamfer"] > levels.loc["mean_shape", "chamfer"]


def test_levels_are_independent_of_threads(run, tmp_path):
    path = tmp_path / "out" / "validation.csv"
    run()
    one = path.read_text()
    run(threads=3)
    assert path.read_text() == one
