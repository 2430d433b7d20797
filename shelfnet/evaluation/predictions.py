"""Reading ``predictions.parquet``: what reconstruction and refinement hand to the evaluation."""

from collections.abc import Sequence
from pathlib import Path, PurePath

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from shelfnet.data.predictions import PREDICTIONS, PredictionsError

COLUMNS = ("model_id", "split", "view", "stage", "status", "mesh", "azimuth_deg", "elevation_deg", "mask_iou")
"""Columns that the evaluation reads."""
STATUSES = ("ok", "empty")


def read_predictions(folders: Sequence[Path], stage: str) -> pd.DataFrame:
    """Predictions of one stage out of several folders, sorted by model and view.

    Returns:
        :data:`COLUMNS`, with ``mesh`` as the path of the mesh's file.

    Raises:
        PredictionsError: a table is damaged, lacks a column, names an unknown status, another stage or a mesh outside
            its folder, or a view occurs twice.
    """
    if not folders:
        raise PredictionsError(f"expected at least one folder of {stage} predictions, got none")
    rows = pd.concat([_read_folder(folder, stage) for folder in folders], ignore_index=True)
    repeated = rows[rows.duplicated(["model_id", "view"])]
    if len(repeated):
        first = repeated.iloc[0]
        raise PredictionsError(
            f"{first['mesh'].parent}: view {first['view']} of model {first['model_id']} is predicted twice"
        )
    return rows.sort_values(["model_id", "view"], ignore_index=True)


def check_complete(test: pd.DataFrame, views: pd.DataFrame, stages: Sequence[str]) -> None:
    """Hold predictions of the test split against the test views that there are.

    Args:
        test: predictions, with ``model_id, view, stage``.
        views: test views, with ``model_id, view``.
        stages: that every view must have.

    Raises:
        PredictionsError: a view has no prediction, or a prediction no view.
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


def _read_folder(folder: Path, stage: str) -> pd.DataFrame:
    try:
        rows = pq.read_table(folder / PREDICTIONS, columns=list(COLUMNS)).to_pandas()
    except (OSError, pa.ArrowException) as error:
        raise PredictionsError(f"{folder / PREDICTIONS}: {error}") from error
    missing = [column for column in COLUMNS if column not in rows]
    if missing:
        raise PredictionsError(
            f"{folder / PREDICTIONS}: expected the columns {', '.join(missing)}, which are not there"
        )
    for row in rows.itertuples():
        _check_row(row, folder, stage)
    rows["mesh"] = [folder / str(name) for name in rows["mesh"]]
    return rows


def _check_row(row: tuple, folder: Path, stage: str) -> None:
    who = f"{folder / PREDICTIONS}: model {row.model_id} view {row.view}"
    if row.stage != stage:
        raise PredictionsError(f"{who}: expected stage {stage}, got {row.stage!r}")
    if row.status not in STATUSES:
        raise PredictionsError(f"{who}: expected a status out of {', '.join(STATUSES)}, got {row.status!r}")
    named = isinstance(row.mesh, str) and row.mesh and PurePath(row.mesh).name == row.mesh
    if row.status == "ok" and not named:
        raise PredictionsError(f"{who}: expected the name of a file in the folder, got {row.mesh!r}")
