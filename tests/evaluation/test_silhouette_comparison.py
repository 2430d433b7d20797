"""Results and comparison of data sets without true shapes."""

import numpy as np
import pandas as pd
import pytest

from shelfnet.evaluation.comparison import NEEDS_TRUTH, silhouette_table
from shelfnet.evaluation.comparison_text import NO_TRUTH_SENTENCE, silhouette_markdown, silhouette_sentences
from shelfnet.evaluation.results import COLUMNS, ResultsError, has_truth, read_results, write_results

OBJECTS = 6


def rows_of(ablation, mask_iou, stage="coarse", status="ok", seed=0):
    known = {"ablation": ablation, "seed": seed, "stage": stage, "status": status, "has_truth": False}
    rows = [
        dict.fromkeys(COLUMNS, np.nan)
        | known
        | {"model_id": f"m{n}", "view": 0, "mask_iou": mask_iou + 0.01 * n, "n_faces": 100.0}
        | {"components": 2.0, "floater_fraction": 0.25}
        for n in range(OBJECTS)
    ]
    return pd.DataFrame(rows)


@pytest.fixture
def table():
    base = pd.concat([rows_of("base", 0.5), rows_of("base", 0.7, stage="refined")])
    tables = {"base": base, "other": rows_of("other", 0.6)}
    return silhouette_table(tables, rows_of("sphere", 0.4), samples=200, seed=0)


def test_table_has_means_over_objects(table):
    assert list(zip(table["ablation"], table["stage"], strict=True)) == [
        ("base", "coarse"),
        ("base", "refined"),
        ("other", "coarse"),
        ("sphere", "coarse"),
    ]
    spread = 0.01 * (OBJECTS - 1) / 2
    assert table["mask_iou"].to_numpy() == pytest.approx(np.array([0.5, 0.7, 0.6, 0.4]) + spread)
    assert (table["mask_iou_ci_low"] < table["mask_iou"]).all()
    assert (table["mask_iou"] < table["mask_iou_ci_high"]).all()
    assert (table[["n_faces", "components", "floater_fraction"]] == [100.0, 2.0, 0.25]).all(axis=None)


def test_differences_are_paired_with_base_at_the_same_stage(table):
    differences = table.set_index(["ablation", "stage"])["mask_iou_difference_to_base"]
    assert differences["base"].isna().all()
    assert differences["other", "coarse"] == pytest.approx(0.1)
    # Paired by object, the spread over objects cancels.
    assert table["mask_iou_difference_to_base_ci_low"][2] == pytest.approx(0.1)


def test_metrics_that_need_a_truth_stay_blank(table):
    assert table[list(NEEDS_TRUTH)].isna().all(axis=None)


def test_markdown_starts_with_the_missing_truth(table):
    text = silhouette_markdown(table, {"data set": "images"})
    assert text.split("\n\n")[1] == NO_TRUTH_SENTENCE
    assert "| `sphere` | coarse |" in text
    assert "- data set: images" in text
    assert "nan" not in text


def test_verdict_compares_with_what_has_learned_nothing():
    tables = {name: rows_of(name, level) for name, level in (("base", 0.5), ("other", 0.7), ("untrained", 0.6))}
    table = silhouette_table(tables, rows_of("sphere", 0.3), samples=50, seed=0)
    best, sphere, untrained = silhouette_sentences(table)
    assert best.startswith("The silhouettes of other (coarse) cover") and "a mask IoU of 0.725" in best
    assert sphere == "A ball reaches 0.325; all models are better."
    assert untrained == "The network before training reaches 0.625; not better: base."
    assert silhouette_sentences(table[table["ablation"] == "sphere"]) == ["No trained model was evaluated."]


def test_empty_predictions_are_counted(table):
    rows = rows_of("base", 0.5)
    rows.loc[0, ["status", "mask_iou"]] = ["empty", 0.0]
    with_empty = silhouette_table({"base": rows}, rows_of("sphere", 0.4), samples=50, seed=0)
    assert with_empty["n_empty"].tolist() == [1, 0]
    assert with_empty["mask_iou"][0] < table["mask_iou"][0]


def test_results_without_truth_round_trip(tmp_path):
    path = tmp_path / "chamfer.csv"
    write_results(rows_of("base", 0.5), path)
    read = read_results(path, ablation="base")
    assert not has_truth(read)
    assert read["chamfer"].isna().all()
    assert read["n_faces"].tolist() == [100.0] * OBJECTS
    assert has_truth(read.assign(has_truth=True, chamfer=0.1))


def test_blank_chamfer_with_a_truth_raises(tmp_path):
    with pytest.raises(ResultsError, match="m0"):
        write_results(rows_of("base", 0.5).assign(has_truth=True), tmp_path / "chamfer.csv")
