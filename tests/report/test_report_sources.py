import numpy as np
import pandas as pd
import pytest
import torch
from report_tree import write_report_tree

from shelfnet.data.views import load_evaluation_views
from shelfnet.geometry.cameras import rotation_about_y
from shelfnet.report.shown_views import collect_poses, collect_shown_views
from shelfnet.report.sources import (
    SourceError,
    TrueMeshes,
    View,
    alignment_deg,
    load_mesh,
    read_curves,
    read_predictions,
    spread_views,
    turned,
)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tree") / "results"
    write_report_tree(folder, ("base", "clip"))
    return folder


@pytest.fixture(scope="module")
def tables(results):
    return {name: pd.read_csv(results / name / "chamfer.csv") for name in ("base", "clip")}


@pytest.fixture(scope="module")
def test_split(results):
    return load_evaluation_views(sorted((results / "renders").glob("*.parquet")), "test", 2)


def test_turning_agrees_with_the_camera_convention():
    points = np.random.default_rng(0).normal(size=(5, 3))
    expected = points @ rotation_about_y(torch.tensor(np.radians(70.0))).numpy().T
    np.testing.assert_allclose(turned(points, 70.0), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("y-rotation -12.3 deg (validation)", -12.3),
        ("y-rotation 40.0 deg (validation)", 40.0),
        ("none (no surface)", 0.0),
    ],
)
def test_an_alignment_is_read_from_its_label(label, expected):
    rows = pd.DataFrame({"seed": [0, 1], "alignment": ["y-rotation 99.0 deg (validation)", label]})
    assert alignment_deg(rows, 1) == expected
    assert alignment_deg(rows, 7) == 0.0


def test_curves_carry_ablation_and_seed(results):
    curves = read_curves(results, ["base", "clip", "not_run"])
    assert set(zip(curves["ablation"], curves["seed"], strict=True)) == {
        (a, s) for a in ("base", "clip") for s in (0, 1)
    }
    assert read_curves(results, ["not_run"]).empty


def test_predictions_know_their_files_and_an_empty_one_has_none(results):
    predictions = read_predictions(results, "base", 0)
    empty = predictions[predictions["status"] == "empty"]
    assert len(empty) == 1
    assert empty["mesh_path"].isna().all()
    assert all(path.is_file() for path in predictions["mesh_path"].dropna())


def test_a_table_without_a_column_is_named(tmp_path):
    folder = tmp_path / "base" / "seed0"
    folder.mkdir(parents=True)
    pd.DataFrame({"iteration": [1], "name": ["loss/rgb"]}).to_parquet(folder / "metrics.parquet")
    with pytest.raises(SourceError, match=r"metrics\.parquet: expected the columns value"):
        read_curves(tmp_path, ["base"])


def test_a_file_that_is_no_mesh_is_named(tmp_path):
    (tmp_path / "broken.glb").write_bytes(b"glTF\x02\x00\x00\x00")
    with pytest.raises(SourceError, match=r"broken\.glb"):
        load_mesh(tmp_path / "broken.glb")


def test_true_meshes_fill_the_unit_cube(results):
    truth = TrueMeshes(results, max_faces=1000)["model-000"]
    np.testing.assert_allclose(truth.bounds.mean(axis=0), 0.0, atol=1e-9)
    assert truth.extents.max() == pytest.approx(1.0)
    with pytest.raises(SourceError, match="model nobody"):
        TrueMeshes(results, max_faces=1000)["nobody"]


def test_shown_views_are_spread_over_the_models_and_never_repeat_one():
    views = [View(f"m{n:02d}", view) for n in range(10) for view in (1, 0)]
    assert [view.model_id for view in spread_views(views, 4)] == ["m00", "m03", "m06", "m09"]
    assert {view.view for view in spread_views(views, 4)} == {0}
    assert len(spread_views(views, 50)) == 10
    assert spread_views([], 3) == []


def test_a_shown_view_brings_truth_and_predictions_together(results, tables, test_split):
    (view,) = collect_shown_views(results, tables, test_split, TrueMeshes(results, 1000), 1)
    assert set(view.predictions) == {(a, s) for a in ("base", "clip") for s in ("coarse", "refined")}
    prediction = view.predictions["base", "coarse"]
    aligned = turned(np.asarray(load_mesh(prediction.path).vertices), prediction.alignment_deg)
    np.testing.assert_allclose(aligned.min(axis=0), view.truth.bounds[0], atol=0.06)
    np.testing.assert_allclose(aligned.max(axis=0), view.truth.bounds[1], atol=0.06)


def test_a_shown_view_can_be_of_another_seed(results, tables, test_split):
    truth = TrueMeshes(results, 1000)
    first, second, third = (collect_shown_views(results, tables, test_split, truth, 1, run)[0] for run in range(3))
    assert first.predictions["base", "coarse"].path.parts[-4:-2] == ("seed0", "coarse")
    assert second.predictions["base", "coarse"].path.parts[-4:-2] == ("seed1", "coarse")
    assert third.predictions == {}


def test_poses_are_aligned_before_they_are_compared(results, tables, test_split):
    poses = collect_poses(results, tables, test_split)["base"]
    errors = (poses.predicted_azimuth_deg - poses.true_azimuth_deg + 180.0) % 360.0 - 180.0
    assert len(errors) == 2 * 3 * 2
    assert abs(np.median(errors)) < 15.0
