"""What a finished run says: its result, the report, the curves in MLflow, and how to predict a mesh."""

import sqlite3
import urllib.parse
from contextlib import closing
from pathlib import Path

import pandas as pd

from shelfnet.config.workflow import TrackingSettings
from shelfnet.evaluation.comparison_text import chamfer_verdict_sentence, silhouette_sentences

SQLITE = "sqlite:///"
TRAINING_RUNS = "attributes.run_name LIKE '%/seed%'"
"""MLflow's filter for the runs that have curves."""


def summarise_run(*, settings: TrackingSettings, results: Path) -> list[str]:
    """Four lines about finished results; none while the comparison or the report is missing.

    Args:
        settings: Tracking server and experiment.
        results: Folder of the results.
    """
    comparison, report = results / "comparison.csv", results / "report.html"
    if not (comparison.is_file() and report.is_file()):
        return []
    return [
        f"Result:  {_verdict(pd.read_csv(comparison))}",
        f"Report:  {report.resolve()}",
        f"Curves:  {_curves(settings)}",
        f"Predict: shelfnet predict photo.png -o mesh.glb --checkpoint {results.resolve()}",
    ]


def _verdict(comparison: pd.DataFrame) -> str:
    with_truth = bool(comparison["mean"].notna().any())
    sentence = chamfer_verdict_sentence(comparison) if with_truth else silhouette_sentences(comparison)[0]
    return sentence.replace("`", "")


def _curves(settings: TrackingSettings) -> str:
    if not settings.enabled:
        return "not in MLflow, because tracking.enabled is false"
    if not settings.uri.startswith(SQLITE):
        return f"experiment {settings.experiment} on the server of tracking.uri"
    database = Path(settings.uri.removeprefix(SQLITE)).resolve()
    experiment_id = _experiment_id(database, settings.experiment)
    if experiment_id is None:
        return f"not in MLflow yet: {database} has no experiment {settings.experiment}"
    return f"mlflow ui --backend-store-uri {SQLITE}{database}, then {comparison_address(experiment_id)}"


def comparison_address(experiment_id: str) -> str:
    """Address of the charts of all training runs on a local MLflow server; its start page is one of traces."""
    options = {
        "workflowType": "machine_learning",
        "compareRunsMode": "CHART",
        "searchFilter": TRAINING_RUNS,
    }
    query = urllib.parse.urlencode(options, quote_via=urllib.parse.quote)
    return f"http://127.0.0.1:5000/#/experiments/{experiment_id}/runs?{query}"


def _experiment_id(database: Path, name: str) -> str | None:
    """Id of an experiment; ``None`` if the database or the experiment is missing."""
    if not database.is_file():
        return None
    with closing(sqlite3.connect(f"file:{urllib.parse.quote(str(database))}?mode=ro", uri=True)) as connection:
        try:
            row = connection.execute("SELECT experiment_id FROM experiments WHERE name = ?", (name,)).fetchone()
        except sqlite3.Error:
            return None
    return None if row is None else str(row[0])
