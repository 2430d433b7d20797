import math

import numpy as np
import pandas as pd
import pytest
import torch
from report_tree import tree_config, write_report_tree

from shelfnet.data.glb import read_glb
from shelfnet.data.shards.reader import load_evaluation_views
from shelfnet.geometry.cameras import rotation_about_y
from shelfnet.report.runs import evaluated_runs, shard_paths
from shelfnet.report.shown_views import TrueMeshes, collect_shown_views, spread_views

CONFIG = tree_config("base", "clip")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tree") / "results"
    write_report_tree(folder, ("base", "clip"))
    return folder


@pytest.fixture(scope="module")
def runs(results):
    tables = {name: pd.read_csv(results / name / "chamfer.csv") for name in ("base", "clip")}
    return evaluated_runs(CONFIG, results, tables)


@pytest.fixture(scope="module")
def test_split(results):
    return load_evaluation_views(shard_paths(CONFIG, results), "test", 2)


def test_shown_view_has_truth_and_predictions_in_one_frame(results, runs, test_split):
    (view,) = collect_shown_views(runs, test_split, TrueMeshes(results, 1000), 1)
    assert set(view.predictions) == {(a, s) for a in ("base", "clip") for s in ("coarse", "refined")}
    prediction = view.predictions["base", "coarse"]
    turn = rotation_about_y(torch.tensor(math.radians(prediction.alignment_deg), dtype=torch.float64)).numpy()
    aligned = np.asarray(read_glb(prediction.path).vertices) @ turn.T
    np.testing.assert_allclose(aligned.min(axis=0), view.truth.bounds[0], atol=0.06)
    np.testing.assert_allclose(aligned.max(axis=0), view.truth.bounds[1], atol=0.06)


def test_shown_views_leave_out_empty_predictions(results, runs, test_split):
    views = collect_shown_views({"base": runs["base"]}, test_split, None, 3)
    assert all(prediction.path.is_file() for view in views for prediction in view.predictions.values())


def test_shown_views_are_those_of_the_first_seed(runs, test_split):
    (view,) = collect_shown_views(runs, test_split, None, 1)
    assert view.predictions["base", "coarse"].path.parts[-4:-2] == ("seed0", "coarse")


def test_true_meshes_fill_the_unit_cube(results):
    truth = TrueMeshes(results, max_faces=1000)["model-000"]
    np.testing.assert_allclose(truth.bounds.mean(axis=0), 0.0, atol=1e-9)
    assert truth.extents.max() == pytest.approx(1.0)
    with pytest.raises(KeyError, match="nobody"):
        TrueMeshes(results, max_faces=1000)["nobody"]


def test_spread_views_takes_each_model_once():
    views = [(f"m{n:02d}", view) for n in range(10) for view in (1, 0)]
    assert [model_id for model_id, _ in spread_views(views, 4)] == ["m00", "m03", "m06", "m09"]
    assert {view for _, view in spread_views(views, 4)} == {0}
    assert len(spread_views(views, 50)) == 10
    assert spread_views([], 3) == []
