"""What a finished run says: its result, the report, the curves in MLflow, and how to predict a mesh."""

import shlex
import sqlite3
import urllib.parse
from contextlib import closing
from pathlib import Path

import pandas as pd

from shelfnet.config.workflow import TrackingSettings
from shelfnet.evaluation.comparison_text import chamfer_verdict_sentence, silhouette_sentences
from shelfnet.tracking.charts import charts_address
from shelfnet.tracking.pending import database_file


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
    database = database_file(settings)
    if database is None:
        return f"experiment {settings.experiment} on the server of tracking.uri"
    experiment_id = _experiment_id(database, settings.experiment)
    if experiment_id is None:
        return f"not in MLflow yet: {database} has no experiment {settings.experiment}"
    here = shlex.quote(str(Path.cwd()))  # places of artifacts are relative to this folder
    return f"(cd {here} && mlflow ui --backend-store-uri {settings.uri}), then {charts_address(experiment_id)}"


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
