"""Evaluation without a truth: what is measured is right, what cannot be is blank."""

import json
import math

import numpy as np
import pandas as pd
import pytest
import trimesh
from photographed import RENDER, write_views

from shelfnet.data.predictions import Prediction, PredictionsError, mesh_name, write_predictions
from shelfnet.evaluation.results import COLUMNS, has_truth, read_results
from shelfnet.geometry.meshes import Mesh
from shelfnet.reconstruction.coloured_mesh import ColouredMesh, save_glb
from shelfnet.steps.evaluate_silhouettes import evaluate_silhouettes, evaluate_sphere

NEEDS_TRUTH = [
    "chamfer",
    "chamfer_l2",
    "chamfer_icp",
    "chamfer_unicorn",
    "fscore",
    "precision",
    "recall",
    "iou",
    "normal_consistency",
]
NEEDS_TRUTH += ["azimuth_error_deg", "elevation_error_deg", "n_points", "normalisation"]


def two_boxes():
    """A box and a floater with a ninth of its surface."""
    small = trimesh.creation.box([0.2, 0.2, 0.2]).apply_translation([0.4, 0.0, 0.0])
    joined = trimesh.util.concatenate([trimesh.creation.box([0.6, 0.6, 0.6]).apply_translation([-0.1, 0, 0]), small])
    return Mesh(np.array(joined.vertices, dtype=np.float64), np.array(joined.faces, dtype=np.int64))


def write_part(folder, stage, views, empty=()):
    folder.mkdir(parents=True)
    mesh = two_boxes()
    rows = []
    for model_id, split, view in views:
        name = None if (model_id, view) in empty else mesh_name(model_id, view)
        if name is not None:
            save_glb(folder / name, ColouredMesh(mesh, np.full((len(mesh.vertices), 3), 0.5)))
        rows.append(
            Prediction(model_id, split, view, stage, "empty" if name is None else "ok", name, 10.0, 5.0, 0, 0, 0.8, 0.1)
        )
    write_predictions(folder, rows)
    return folder


VIEWS = [("v0", "validation", 0), *((model_id, "test", view) for model_id in ("t0", "t1") for view in (0, 1))]


@pytest.fixture
def arguments(tmp_path):
    return {
        "ablation": "base",
        "seed": 3,
        "coarse": [write_part(tmp_path / "coarse", "coarse", VIEWS, empty={("t1", 0)})],
        "refined": [write_part(tmp_path / "refined", "refined", VIEWS)],
        "shards": [write_views(tmp_path / "shard.parquet", azimuth_deg=math.nan)],
        "output": tmp_path / "base" / "seed3" / "chamfer.csv",
        "journal": tmp_path / "j.jsonl",
    }


def test_every_test_view_has_a_row_with_what_masks_and_meshes_say(arguments):
    evaluate_silhouettes(**arguments)
    rows = read_results(arguments["output"], ablation="base")
    assert list(rows.columns) == [*COLUMNS, "n_faces"]
    assert not has_truth(rows)
    keys = set(zip(rows["model_id"], rows["view"], rows["stage"], strict=True))
    assert keys == {(model, view, stage) for model, _, view in VIEWS[1:] for stage in ("coarse", "refined")}
    whole = rows[rows["status"] == "ok"]
    assert (whole["mask_iou"] == 0.8).all()
    assert (whole["components"] == 2).all()
    assert whole["floater_fraction"].to_numpy() == pytest.approx(0.1, abs=1e-5)
    assert (whole["n_faces"] == 24).all()
    assert (rows["seed"] == 3).all()


def test_what_only_a_truth_could_say_is_blank(arguments):
    evaluate_silhouettes(**arguments)
    assert read_results(arguments["output"])[NEEDS_TRUTH].isna().all(axis=None)


def test_an_empty_prediction_is_a_row_with_the_worst_of_everything(arguments):
    evaluate_silhouettes(**arguments)
    rows = read_results(arguments["output"])
    (empty,) = rows[rows["status"] == "empty"].to_dict("records")
    assert (empty["model_id"], empty["stage"], empty["mask_iou"], empty["n_faces"]) == ("t1", "coarse", 0.0, 0)
    assert (empty["components"], empty["floater_fraction"]) == (0, 1.0)


def test_the_journal_names_no_chamfer(arguments):
    evaluate_silhouettes(**arguments)
    events = [json.loads(line) for line in arguments["journal"].read_text().splitlines()]
    text = json.dumps([event for event in events if "metrics" in json.dumps(event)])
    assert "test/coarse/mask_iou" in text
    assert "test/chamfer" not in text


def test_predictions_without_a_test_view_are_refused(arguments, tmp_path):
    arguments["coarse"] = [write_part(tmp_path / "none", "coarse", VIEWS[:1])]
    arguments["refined"] = []
    with pytest.raises(PredictionsError, match="test split"):
        evaluate_silhouettes(**arguments)


def test_a_missing_prediction_is_not_passed_over(arguments, tmp_path):
    arguments["coarse"] = [write_part(tmp_path / "fewer", "coarse", VIEWS[:4])]
    with pytest.raises(PredictionsError, match="t1"):
        evaluate_silhouettes(**arguments)


def test_the_spheres_overlap_is_that_of_two_discs(tmp_path):
    """A disc in the middle of an image, against the sphere's outline: a circle of tan(asin(r / d)) f pixels."""
    disc_px = 9.0
    shard = write_views(tmp_path / "shard.parquet", radius_px=disc_px, azimuth_deg=math.nan)
    output = tmp_path / "baselines" / "chamfer.csv"
    arguments = {"render": RENDER, "shards": [shard], "output": output, "journal": tmp_path / "j.jsonl"}
    evaluate_sphere(**arguments, views_per_model=2)
    rows = pd.read_csv(output)
    focal_px = 16.0 / math.tan(math.radians(RENDER.fov_deg) / 2.0)
    outline_px = focal_px * math.tan(math.asin(0.4 / RENDER.camera_distance))
    expected = (disc_px / outline_px) ** 2 if disc_px < outline_px else (outline_px / disc_px) ** 2
    assert rows["mask_iou"].to_numpy() == pytest.approx(expected, abs=0.05)
    assert set(rows["ablation"]) == {"sphere"}
    assert len(rows) == 4
    assert not has_truth(rows)
