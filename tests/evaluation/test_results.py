import numpy as np
import pandas as pd
import pytest

from shelfnet.evaluation.results import COLUMNS, ResultsError, last_stage, read_results, write_results


def table(**changes):
    row = dict.fromkeys(COLUMNS, 1.0) | {
        "ablation": "base",
        "seed": 0,
        "model_id": "007",
        "view": 0,
        "stage": "coarse",
        "status": "ok",
        "category": "None",
        "normalisation": "unit",
        "alignment": "none",
        "alignment_deg": np.nan,
        "has_truth": True,
    }
    return pd.DataFrame([row | changes])


def test_results_round_trip(tmp_path):
    path = tmp_path / "new" / "chamfer.csv"
    write_results(table(chamfer=1 / 3, azimuth_error_deg=np.nan).assign(extra=1), path)
    found = read_results(path, ablation="base")
    assert tuple(found.columns) == COLUMNS
    assert found["model_id"][0] == "007"
    assert found["category"][0] == "None"
    assert found["chamfer"][0] == pytest.approx(1 / 3, rel=1e-5)
    assert np.isnan(found["azimuth_error_deg"][0])
    assert [file.name for file in path.parent.iterdir()] == ["chamfer.csv"]


@pytest.mark.parametrize("angle_deg", [112.77728611209807, -1 / 3, np.nan])
def test_alignment_keeps_every_digit(tmp_path, angle_deg):
    path = tmp_path / "chamfer.csv"
    write_results(table(alignment_deg=angle_deg), path)
    write_results(read_results(path), path)
    np.testing.assert_equal(read_results(path)["alignment_deg"][0], angle_deg)


def test_numeric_names_stay_text(tmp_path):
    write_results(table(ablation="01"), tmp_path / "chamfer.csv")
    assert read_results(tmp_path / "chamfer.csv", ablation="01")["ablation"][0] == "01"


@pytest.mark.parametrize(
    ("rows", "named"),
    [
        (table().drop(columns="iou"), "iou"),
        (pd.concat([table(), table()]), "model_id 007, view 0"),
        (table(ablation="triplane"), "base.*triplane"),
        (table(chamfer=np.nan), "007.*chamfer"),
        (table(has_truth="maybe"), "has_truth"),
    ],
)
def test_bad_table_raises(tmp_path, rows, named):
    path = tmp_path / "chamfer.csv"
    rows.to_csv(path, index=False)
    with pytest.raises(ResultsError, match=rf"chamfer\.csv.*{named}"):
        read_results(path, ablation="base")


def test_missing_and_empty_files_raise(tmp_path):
    with pytest.raises(ResultsError, match=r"missing\.csv"):
        read_results(tmp_path / "missing.csv")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(ResultsError, match=r"empty\.csv"):
        read_results(tmp_path / "empty.csv")


def test_last_stage_is_refined_if_present():
    both = pd.concat([table(), table(stage="refined")])
    assert list(last_stage(both)["stage"]) == ["refined"]
    assert list(last_stage(table())["stage"]) == ["coarse"]
