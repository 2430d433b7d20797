import sqlite3
from pathlib import Path

import pandas as pd
import pytest

from shelfnet.config.workflow import TrackingSettings
from shelfnet.steps.summarise_run import summarise_run
from shelfnet.tracking.charts import charts_address


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "results"
    folder.mkdir()
    rows = [("base", "refined", 0.04, -0.02), ("mean_shape", "coarse", 0.06, float("nan"))]
    table = pd.DataFrame(rows, columns=["ablation", "stage", "mean", "difference_to_mean_shape"]).assign(n_seeds=3)
    for name in ("", "difference_to_mean_shape_", "difference_to_base_"):
        table[f"{name}ci_low"] = table[f"{name}ci_high"] = table["difference_to_mean_shape"]
    table.assign(difference_to_base=float("nan"), mask_iou=0.5).to_csv(folder / "comparison.csv", index=False)
    (folder / "report.html").write_text("a page")
    return folder


def settings_of(results: Path) -> TrackingSettings:
    database = results / "mlflow.db"
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE experiments (experiment_id INTEGER, name TEXT)")
        connection.execute("INSERT INTO experiments VALUES (7, 'shelfnet')")
    connection.close()
    return TrackingSettings(uri=f"sqlite:///{database}")


def test_four_lines_name_result_report_curves_and_command(results):
    result, report, curves, predict = summarise_run(settings=settings_of(results), results=results)
    assert "base (refined)" in result and "0.0400" in result and "below mean_shape" in result
    assert str(results / "report.html") in report
    assert f"(cd {Path.cwd()} && mlflow ui --backend-store-uri sqlite:///{results / 'mlflow.db'})" in curves
    assert charts_address("7") in curves
    assert predict.endswith(f"--checkpoint {results}")


def test_a_missing_or_foreign_database_has_no_address(results):
    def curves(**tracking):
        return summarise_run(settings=TrackingSettings(**tracking), results=results)[2]

    (results / "other.db").write_text("not a database, and long enough to have a header of one" * 10)
    for name in ("missing.db", "other.db"):
        assert "no experiment shelfnet" in curves(uri=f"sqlite:///{results / name}")
    assert "tracking.enabled" in curves(enabled=False)
    assert "secret" not in curves(uri="https://user:secret@tracking.example")


def test_unfinished_results_say_nothing(results):
    (results / "report.html").unlink()
    assert summarise_run(settings=TrackingSettings(), results=results) == []
