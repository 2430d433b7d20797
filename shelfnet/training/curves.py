"""``metrics.parquet``: losses, health metrics and validation metrics of a training run by iteration."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa

from shelfnet.data.tables import cast_columns, read_parquet, write_table

VALIDATION = "validation/"
"""Start of the names of validation metrics."""

METRICS = "metrics.parquet"
"""File name of the table in the folder of a run."""
SCHEMA = pa.schema([("iteration", pa.int64()), ("name", pa.string()), ("value", pa.float64())])


class CurvesError(ValueError):
    """A table of curves is unusable; the message names the file."""


def write_curves(folder: Path, history: Sequence[tuple[int, str, float]]) -> None:
    """Publish the logged values of a run, each with its iteration and name."""
    write_table(folder / METRICS, (dict(zip(SCHEMA.names, row, strict=True)) for row in history), SCHEMA)


def read_curves(folder: Path) -> pd.DataFrame:
    """Logged values of a run: ``iteration, name, value``.

    Raises:
        CurvesError: The table is missing, damaged, or lacks a column.
    """
    path = folder / METRICS
    try:
        return cast_columns(read_parquet(path), SCHEMA, SCHEMA.names, nullable=()).to_pandas()
    except (OSError, ValueError, pa.ArrowException) as error:
        raise CurvesError(f"{path}: expected a table of curves: {error}") from error


def last_validation(curves: pd.DataFrame) -> dict[str, float]:
    """Validation metrics by name, without their prefix, at the last validated iteration; empty if there are none."""
    rows = curves[curves["name"].str.startswith(VALIDATION)]
    last = rows[rows["iteration"] == rows["iteration"].max()]
    return {
        name.removeprefix(VALIDATION): value
        for name, value in zip(last["name"].tolist(), last["value"].tolist(), strict=True)
    }
