import numpy as np
import pandas as pd
import pytest

from shelfnet.evaluation.floaters import COLUMNS, floater_differences, floater_means

OBJECTS = 40


def table(share, stages=("coarse", "refined"), seed=0):
    noise, difficulty = np.random.default_rng(seed), np.random.default_rng(9).uniform(0.0, 0.3, OBJECTS)
    rows = [
        {
            "stage": stage,
            "seed": 0,
            "model_id": f"m{index:02d}",
            "view": view,
            "status": "ok",
            "floater_fraction": share + difficulty[index] + noise.normal(0.0, 0.01),
            "components": 2,
        }
        for stage in stages
        for index in range(OBJECTS)
        for view in range(2)
    ]
    return pd.DataFrame(rows)


def test_means_leave_out_empty_predictions():
    rows = table(0.1)
    rows.loc[:1, ["status", "floater_fraction", "components"]] = ["empty", 1.0, 0]
    means = floater_means({"clip": rows}, 200, 0).set_index(["stage", "metric"])
    own = means.loc[("coarse", "floater_fraction")]
    kept = rows[(rows["stage"] == "coarse") & (rows["status"] == "ok")]
    assert own["estimate"] == pytest.approx(kept["floater_fraction"].mean())
    assert own["low"] < own["estimate"] < own["high"]
    assert list(means.loc[("coarse", "components"), ["estimate", "low", "high"]]) == [2.0, 2.0, 2.0]


def test_differences_are_paired_by_object():
    tables = {"clip": table(0.1), "clip_bg": table(0.06, seed=1)}
    found = floater_differences(tables, [("clip_bg", "clip")], 200, 0).set_index(["stage", "metric"])
    own = found.loc[("refined", "floater_fraction")]
    assert own["estimate"] == pytest.approx(-0.04, abs=0.005)
    assert own["high"] < -0.03
    assert (own["ablation"], own["reference"]) == ("clip_bg", "clip")


def test_stages_without_common_objects_are_left_out():
    empty = table(0.1).assign(status="empty")
    assert floater_means({"clip": empty}, 10, 0).empty
    others = table(0.1, stages=("coarse",)).replace({"model_id": {f"m{n:02d}": f"x{n}" for n in range(OBJECTS)}})
    found = floater_differences({"clip": table(0.1), "clip_bg": others}, [("clip_bg", "clip")], 10, 0)
    assert found.empty
    assert list(found.columns) == list(COLUMNS)
