import io
import json

import numpy as np
import pandas as pd
import pytest
import trimesh
from PIL import Image

from shelfnet.config.evaluate import EvaluateSettings
from shelfnet.data.predictions import Prediction, write_predictions
from shelfnet.data.shards.writer import write_shard
from shelfnet.data.surfaces import measure_surface, write_surfaces
from shelfnet.evaluation.alignment import YRotation
from shelfnet.evaluation.metrics import WORST
from shelfnet.evaluation.predictions import PredictionsError
from shelfnet.evaluation.results import COLUMNS, ResultsError
from shelfnet.geometry.meshes import Mesh, normalise
from shelfnet.reconstruction.coloured_mesh import ColouredMesh, save_glb
from shelfnet.steps import evaluate as step
from shelfnet.steps.collect_rows import collect_rows
from shelfnet.steps.evaluate import evaluate

SPLITS = {"v0": "validation", "v1": "validation", "t0": "test", "t1": "test", "a0": "train"}
TURN_DEG = -35.0
SETTINGS = EvaluateSettings(
    n_points=600, alignment_steps=24, icp_iterations=5, unicorn_points=1_000, unicorn_iterations=20
)


def true_mesh(model_id):
    """A seat with a back to one side, of another height for every model."""
    height = 0.2 + 0.05 * sorted(SPLITS).index(model_id)
    parts = [
        trimesh.creation.box(bounds=bounds)
        for bounds in ([(-0.5, -0.2, -0.3), (0.5, 0.0, 0.3)], [(-0.5, 0.0, -0.3), (-0.3, height, 0.1)])
    ]
    joined = trimesh.util.concatenate(parts)
    return normalise(Mesh(np.asarray(joined.vertices, dtype=np.float64), np.asarray(joined.faces, dtype=np.int64)))


def image():
    stream = io.BytesIO()
    Image.new("RGBA", (4, 4), (255, 0, 0, 255)).save(stream, "PNG")
    return {"bytes": stream.getvalue(), "path": None}


def true_azimuth(model_id, view):
    return 40.0 * view - 170.0 + 3.0 * len(model_id)


@pytest.fixture
def data(tmp_path):
    """Surfaces and images of five models, three views each, of which two are predicted."""
    surfaces, shard = tmp_path / "surfaces.parquet", tmp_path / "shard.parquet"
    write_surfaces(
        surfaces, ((name, measure_surface(true_mesh(name), name, split, 600, 0)) for name, split in SPLITS.items())
    )
    rows = [
        {
            "model_id": name,
            "split": split,
            "view": view,
            "image": image(),
            "caption": "a chair",
            "category": "Chair",
            "super_category": "Chair",
            "style": None,
            "theme": None,
            "material": None,
            "azimuth_deg": true_azimuth(name, view),
            "elevation_deg": 10.0,
            "cam2world": list(np.eye(4).ravel()),
            "fov_deg": 35.0,
            "engine": "pyrender",
            "seed": 0,
        }
        for name, split in SPLITS.items()
        for view in range(3)
    ]
    write_shard(shard, rows)
    return {"surfaces": [surfaces], "shards": [shard]}


@pytest.fixture
def predict(tmp_path):
    """Perfect predictions in a learned frame rotated by TURN_DEG, with changes to single rows."""

    def write(stage, changes=None, drop=()):
        folder = tmp_path / f"{stage}-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        rows = []
        for name in ("t0", "t1", "v0", "v1"):
            mesh = true_mesh(name)
            for view in range(2):
                file = f"{name}_{view:03d}.glb"
                learned = Mesh(YRotation(TURN_DEG, 1).apply(mesh.vertices), mesh.faces)
                save_glb(folder / file, ColouredMesh(learned, np.full((len(mesh.vertices), 3), 0.5)))
                row = {
                    "model_id": name,
                    "split": SPLITS[name],
                    "view": view,
                    "stage": stage,
                    "status": "ok",
                    "mesh": file,
                    "azimuth_deg": true_azimuth(name, view) + TURN_DEG,
                    "elevation_deg": 13.0,
                    "n_vertices": len(mesh.vertices),
                    "n_faces": len(mesh.faces),
                    "mask_iou": 0.9,
                    "seconds": 0.1,
                }
                if (name, view) not in drop:
                    rows.append(row | (changes or {}).get((name, view), {}))
        write_predictions(folder, [Prediction(**row) for row in rows])
        return [folder]

    return write


@pytest.fixture
def run(tmp_path, data):
    def call(coarse, refined=(), threads=1):
        output, journal = tmp_path / "out" / "chamfer.csv", tmp_path / "journal.jsonl"
        evaluate(
            settings=SETTINGS,
            ablation="base",
            seed=3,
            coarse=coarse,
            refined=refined,
            threads=threads,
            output=output,
            journal=journal,
            **data,
        )
        return pd.read_csv(output), [json.loads(line) for line in journal.read_text().splitlines()]

    return call


def test_perfect_predictions_in_a_rotated_frame_score_at_the_floor(run, predict):
    rows, events = run(predict("coarse"), predict("refined"))
    assert tuple(rows.columns) == COLUMNS
    found = set(zip(rows["model_id"], rows["view"], rows["stage"], strict=True))
    assert found == {
        (model, view, stage) for model in ("t0", "t1") for view in (0, 1) for stage in ("coarse", "refined")
    }
    assert rows["chamfer"].max() < 0.05
    assert rows["chamfer_unicorn"].max() < 0.04
    assert rows["iou"].min() > 0.7
    assert rows["azimuth_error_deg"].max() < 3.0
    np.testing.assert_allclose(rows["elevation_error_deg"], 3.0, atol=1e-3)
    assert set(rows["components"]) == {1}
    assert set(rows["category"]) == {"Chair"}
    assert set(rows["n_points"]) == {600}
    assert set(rows["seed"]) == {3}
    (angle_deg,) = rows["alignment_deg"].unique()
    assert angle_deg == pytest.approx(-TURN_DEG, abs=3.0)
    assert set(rows["alignment"]) == {f"y-rotation {angle_deg:.1f} deg (validation)"}
    assert rows["has_truth"].all()
    metrics = next(event["values"] for event in events if event["event"] == "metrics")
    assert metrics["test/chamfer"] == pytest.approx(rows[rows["stage"] == "refined"]["chamfer"].mean(), rel=1e-4)
    assert {event["run"] for event in events} == {"base/seed3"}


def test_alignment_is_independent_of_test_predictions(run, predict):
    """Test predictions that are rotated further stay misaligned."""
    rows, _ = run(predict("coarse"))
    folders = predict("coarse")
    for file in folders[0].glob("t*.glb"):
        mesh = true_mesh(file.name[:2])
        turned = Mesh(YRotation(90.0, 1).apply(mesh.vertices), mesh.faces)
        save_glb(file, ColouredMesh(turned, np.zeros((len(mesh.vertices), 3))))
    rotated, _ = run(folders)
    assert set(rotated["alignment_deg"]) == set(rows["alignment_deg"])
    assert rotated["chamfer"].min() > 2 * rows["chamfer"].max()


@pytest.mark.parametrize("azimuth_deg", [np.nan, 0.0])
def test_empty_prediction_has_the_worst_values(run, predict, azimuth_deg):
    """This includes the view errors, even if the predicted view is correct."""
    change = {"status": "empty", "mesh": "", "azimuth_deg": azimuth_deg, "mask_iou": np.nan}
    rows, events = run(predict("coarse", {("t1", 0): change, ("v0", 0): change}))
    empty = rows[rows["status"] == "empty"]
    assert list(zip(empty["model_id"], empty["view"], strict=True)) == [("t1", 0)]
    row = empty.iloc[0]
    assert row["chamfer"] == pytest.approx(WORST.chamfer, rel=1e-5)
    assert (row["azimuth_error_deg"], row["components"], row["floater_fraction"]) == (180.0, 0, 1.0)
    assert (row["mask_iou"], row["elevation_error_deg"]) == (0.0, 180.0)
    metrics = next(event["values"] for event in events if event["event"] == "metrics")
    assert metrics["test/coarse/empty"] == 1


def test_no_validation_surface_means_no_alignment(run, predict):
    empty = {"status": "empty", "mesh": ""}
    rows, _ = run(predict("coarse", {(name, view): empty for name in ("v0", "v1") for view in range(2)}))
    assert set(rows["alignment"]) == {"none (no validation surface)"}
    assert rows["alignment_deg"].isna().all()


def test_results_repeat(run, predict):
    folders = predict("coarse")
    pd.testing.assert_frame_equal(run(folders)[0], run(folders)[0])
    pd.testing.assert_frame_equal(run(folders)[0], run(folders, threads=3)[0])


def test_only_the_unicorn_protocol_depends_on_the_predicted_view(run, predict):
    view = ("t1", 1)
    wrong = true_azimuth(*view) + TURN_DEG + 90.0
    rows, _ = run(predict("coarse"))
    turned, _ = run(predict("coarse", {view: {"azimuth_deg": wrong}}))
    same = (rows["model_id"] != view[0]) | (rows["view"] != view[1])
    pd.testing.assert_series_equal(turned["chamfer"], rows["chamfer"])
    pd.testing.assert_series_equal(turned["chamfer_unicorn"][same], rows["chamfer_unicorn"][same])
    assert turned["chamfer_unicorn"][~same].item() > 1.5 * rows["chamfer_unicorn"][~same].item()


def test_fit_uses_the_split_of_the_true_surface(run, predict, monkeypatch):
    """A test prediction that claims to be of the validation split is refused."""
    monkeypatch.setattr(step, "_check_splits", lambda predictions, truth: None)
    monkeypatch.setattr("shelfnet.evaluation.predictions.check_complete", lambda test, views, stages: None)
    with pytest.raises(ValueError, match="t1"):
        run(predict("coarse", {("t1", 1): {"split": "validation"}}))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"drop": {("t1", 1)}}, r"view 1 of model t1 \(coarse\)"),
        ({"changes": {("t1", 1): {"view": 2}}}, "view 1 of model t1"),
        ({"changes": {("t1", 1): {"split": "validation"}}}, "t1.* test"),
        ({"changes": {("v1", 1): {"split": "test"}}}, "v1.* validation"),
        ({"changes": {("t1", 1): {"model_id": "a0"}}}, "a0.* train"),
        ({"changes": {("t1", 1): {"model_id": "zz"}}}, "zz.* unknown"),
    ],
)
def test_predictions_that_do_not_match_the_data_raise(run, predict, arguments, named):
    with pytest.raises(PredictionsError, match=named):
        run(predict("coarse", **arguments))


def test_models_without_true_surface_are_left_out(run, predict, data, tmp_path):
    def surfaces():
        for name, split in SPLITS.items():
            refused = name in ("t1", "v1")
            yield name, None if refused else measure_surface(true_mesh(name), name, split, 600, 0)

    write_surfaces(tmp_path / "surfaces.parquet", surfaces())
    rows, _ = run(predict("coarse"))
    assert set(rows["model_id"]) == {"t0"}


def test_stage_with_a_missing_view_raises(run, predict):
    with pytest.raises(PredictionsError, match=r"view 0 of model t0 \(refined\)"):
        run(predict("coarse"), predict("refined", drop={("t0", 0)}))


def test_collect_rows_joins_seeds_once(tmp_path, run, predict):
    rows, _ = run(predict("coarse"))
    paths = []
    for seed in (0, 1):
        paths.append(tmp_path / f"seed{seed}.csv")
        rows.assign(seed=seed).to_csv(paths[-1], index=False)
    collect_rows(paths, tmp_path / "all.csv")
    assert list(pd.read_csv(tmp_path / "all.csv")["seed"]) == [0] * 4 + [1] * 4
    with pytest.raises(ResultsError, match=r"twice\.csv"):
        collect_rows([paths[0], paths[0]], tmp_path / "twice.csv")
    assert not (tmp_path / "twice.csv").exists()
    with pytest.raises(ResultsError, match=r"none\.csv"):
        collect_rows([], tmp_path / "none.csv")
