"""Predictions as the evaluation reads them: checked tables of meshes and views."""

from collections.abc import Container, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path, PurePath
from typing import Any

import pandas as pd

from shelfnet.data import predictions as files
from shelfnet.data.catalogue.splits import TEST
from shelfnet.data.predictions import PREDICTIONS, Prediction, PredictionsError
from shelfnet.data.shards.reader import load_view_labels

COLUMNS = ("model_id", "split", "view", "stage", "status", "mesh", "azimuth_deg", "elevation_deg", "mask_iou")
STATUSES = ("ok", "empty")


def read_predictions(folders: Sequence[Path], stage: str) -> pd.DataFrame:
    """Predictions of one stage from several folders, sorted by model and view.

    Returns:
        Columns :data:`COLUMNS`; ``mesh`` is the path of the mesh file.

    Raises:
        PredictionsError: A table is damaged, lacks a column, has an unknown status, another stage or a mesh outside
            its folder, or a view occurs twice.
    """
    if not folders:
        raise PredictionsError(f"expected at least one folder of {stage} predictions, got none")
    rows = pd.DataFrame([row for folder in folders for row in _read_folder(folder, stage)], columns=list(COLUMNS))
    repeated = rows[rows.duplicated(["model_id", "view"])]
    if len(repeated):
        first = repeated.iloc[0]
        raise PredictionsError(
            f"{first['mesh'].parent}: view {first['view']} of model {first['model_id']} is predicted twice"
        )
    return rows.sort_values(["model_id", "view"], ignore_index=True)


def load_test_views(
    test: pd.DataFrame, stages: Sequence[str], shards: Sequence[Path], model_ids: Container[str] | None = None
) -> pd.DataFrame:
    """True camera and category of the test views, as many per model as were predicted; every one is predicted.

    Args:
        test: Predictions of the test split with ``model_id, view, stage``.
        stages: Expected stages.
        shards: Shards of images.
        model_ids: Models to load; all if ``None``.

    Raises:
        PredictionsError: There is no prediction, a view has none, or a prediction has no view.
        ShardError: A shard is damaged.
    """
    if test.empty:
        raise PredictionsError("expected predictions of the test split, got none")
    views_per_model = int(test.groupby("model_id")["view"].nunique().max())  # pyright: ignore[reportArgumentType]
    views = load_view_labels(shards, TEST, views_per_model, model_ids=model_ids).table()
    check_complete(test, views, stages)
    return views


def check_complete(test: pd.DataFrame, views: pd.DataFrame, stages: Sequence[str]) -> None:
    """Check that every test view has a prediction at every stage, and every prediction a test view.

    Args:
        test: Predictions of the test split with ``model_id, view, stage``.
        views: Test views with ``model_id, view``.
        stages: Expected stages.

    Raises:
        PredictionsError: A view has no prediction, or a prediction has no view.
    """
    expected = {
        (model, view, stage) for model, view in zip(views["model_id"], views["view"], strict=True) for stage in stages
    }
    predicted = set(zip(test["model_id"], test["view"], test["stage"], strict=True))
    for what, difference in (("no prediction", expected - predicted), ("no image", predicted - expected)):
        if difference:
            model_id, view, stage = min(difference)
            raise PredictionsError(
                f"{len(difference)} test views have {what}, such as view {view} of model {model_id} ({stage})"
            )


def _read_folder(folder: Path, stage: str) -> Iterator[dict[str, Any]]:
    for prediction in files.read_predictions(folder):
        _check(prediction, folder, stage)
        yield asdict(prediction) | {"mesh": folder / str(prediction.mesh)}


def _check(prediction: Prediction, folder: Path, stage: str) -> None:
    name = f"{folder / PREDICTIONS}: model {prediction.model_id} view {prediction.view}"
    if prediction.stage != stage:
        raise PredictionsError(f"{name}: expected stage {stage}, got {prediction.stage!r}")
    if prediction.status not in STATUSES:
        raise PredictionsError(f"{name}: expected a status out of {', '.join(STATUSES)}, got {prediction.status!r}")
    mesh = prediction.mesh
    if prediction.status == "ok" and (not mesh or PurePath(mesh).name != mesh):
        raise PredictionsError(f"{name}: expected the name of a file in the folder, got {mesh!r}")
