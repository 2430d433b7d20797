import math

import numpy as np
import pandas as pd
import pytest
import torch
from report_tree import tree_config, write_report_tree

from shelfnet.data.shards.reader import load_evaluation_views
from shelfnet.geometry.cameras import rotation_about_y
from shelfnet.report.runs import evaluated_runs, shard_paths
from shelfnet.report.shown_views import collect_shown_views
from shelfnet.report.sources import TrueMeshes, load_mesh

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


def test_a_shown_view_brings_truth_and_predictions_together(results, runs, test_split):
    (view,) = collect_shown_views(runs, test_split, TrueMeshes(results, 1000), 1)
    assert set(view.predictions) == {(a, s) for a in ("base", "clip") for s in ("coarse", "refined")}
    prediction = view.predictions["base", "coarse"]
    turn = rotation_about_y(torch.tensor(math.radians(prediction.alignment_deg), dtype=torch.float64)).numpy()
    aligned = np.asarray(load_mesh(prediction.path).vertices) @ turn.T
    np.testing.assert_allclose(aligned.min(axis=0), view.truth.bounds[0], atol=0.06)
    np.testing.assert_allclose(aligned.max(axis=0), view.truth.bounds[1], atol=0.06)


def test_a_prediction_without_a_surface_is_not_shown(results, runs, test_split):
    views = collect_shown_views({"base": runs["base"]}, test_split, None, 3)
    assert all(prediction.path.is_file() for view in views for prediction in view.predictions.values())


def test_a_shown_view_can_be_of_another_seed(runs, test_split):
    first, second, third = (collect_shown_views(runs, test_split, None, 1, run)[0] for run in range(3))
    assert first.predictions["base", "coarse"].path.parts[-4:-2] == ("seed0", "coarse")
    assert second.predictions["base", "coarse"].path.parts[-4:-2] == ("seed1", "coarse")
    assert third.predictions == {}
