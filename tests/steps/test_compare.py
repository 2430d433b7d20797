import json

import numpy as np
import pandas as pd
import pytest

from shelfnet.config.evaluate import EvaluateSettings
from shelfnet.evaluation.results import COLUMNS, ResultsError
from shelfnet.steps.compare import compare

SETTINGS = EvaluateSettings(bootstrap_samples=100)


def write_table(path, chamfer_by_ablation):
    rows = [
        dict.fromkeys(COLUMNS, 0.5)
        | {
            "ablation": ablation,
            "seed": 0,
            "model_id": f"m{index}",
            "view": 0,
            "stage": "coarse",
            "status": "ok",
            "chamfer": chamfer + 0.001 * index,
            "has_truth": True,
        }
        for ablation, chamfer in chamfer_by_ablation.items()
        for index in range(8)
    ]
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


def write_memory(path):
    sizes = {"voxel": (64**3, 128**3), "triplane": (64**2, 128**2)}
    rows = [(name, n, size) for name, pair in sizes.items() for n, size in zip((64, 128), pair, strict=True)]
    pd.DataFrame(rows, columns=["representation", "resolution", "field_bytes"]).to_csv(path, index=False)
    return path


@pytest.fixture
def arguments(tmp_path):
    names = {"base": 0.05, "untrained": 0.11}
    return {
        "settings": SETTINGS,
        "tables": {name: write_table(tmp_path / f"{name}.csv", {name: value}) for name, value in names.items()},
        "baselines": write_table(
            tmp_path / "baselines.csv", {"sphere": 0.12, "random_train": 0.08, "mean_shape": 0.06}
        ),
        "output_csv": tmp_path / "results" / "comparison.csv",
        "output_md": tmp_path / "results" / "comparison.md",
        "output_tex": tmp_path / "results" / "comparison.tex",
        "output_claims": tmp_path / "results" / "claims.csv",
        "memory": write_memory(tmp_path / "memory_scaling.csv"),
        "provenance": {"code_version": "0.1.0"},
        "journal": tmp_path / "compare.jsonl",
    }


def test_all_files_and_the_journal_hold_the_means(arguments):
    compare(**arguments)
    table = pd.read_csv(arguments["output_csv"])
    assert list(table["ablation"]) == ["base", "untrained", "sphere", "random_train", "mean_shape"]
    np.testing.assert_allclose(table["mean"], [0.0535, 0.1135, 0.1235, 0.0835, 0.0635])
    assert list(table["beats_mean_shape"]) == [True, False, False, False, False]
    text = arguments["output_md"].read_text()
    assert all(f"| `{name}` | coarse | " in text for name in table["ablation"])
    assert "- code_version: 0.1.0" in text
    events = [json.loads(line) for line in arguments["journal"].read_text().splitlines()]
    metrics = next(event for event in events if event["event"] == "metrics")
    assert metrics["run"] == "comparison"
    assert metrics["values"]["comparison/chamfer_coarse/base"] == pytest.approx(0.0535)
    artifacts = [event["path"] for event in events if event["event"] == "artifact"]
    table = next(event for event in events if event["event"] == "table")
    assert (table["path"], table["headline"]) == (str(arguments["output_csv"]), "mean")
    outputs = [arguments[name] for name in ("output_csv", "output_md", "output_tex", "output_claims")]
    assert artifacts == [str(path) for path in outputs]
    assert sorted(arguments["output_csv"].parent.iterdir()) == sorted(outputs)
    assert "(f) Tri-planes save memory, as O(N²) instead of O(N³). **Confirmed**" in text
    assert set(pd.read_csv(arguments["output_claims"])["outcome"]) == {"not tested"}


def test_table_of_another_ablation_raises(arguments):
    arguments["tables"]["base"] = arguments["tables"]["untrained"]
    with pytest.raises(ResultsError, match=r"base.*untrained"):
        compare(**arguments)
    assert not arguments["output_csv"].exists()
