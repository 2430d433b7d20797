"""The results table ``chamfer.csv``: one row per trained model, stage and test view."""

import math
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from shelfnet.publishing import complete_file

COLUMNS = (
    "ablation", "seed", "model_id", "view", "stage", "status", "chamfer", "chamfer_l2", "chamfer_icp",
    "chamfer_unicorn", "fscore", "precision", "recall", "iou", "normal_consistency", "azimuth_error_deg",
    "elevation_error_deg", "components", "floater_fraction", "mask_iou", "category", "n_points", "normalisation",
    "alignment", "alignment_deg", "has_truth",
)  # fmt: skip
"""Columns of ``chamfer.csv``, in order. ``alignment`` is for people; later stages read the typed columns after it.

``alignment_deg`` is the rotation about +Y in degrees with all digits, blank where none was fitted. ``has_truth`` is
``False`` where the data set has no true shapes; everything that needs a true shape or view is blank then.
"""
OPTIONAL_COLUMNS = ("n_faces",)
"""Columns of some tables only, after the others."""
NO_TRUTH = "none: the data set has no true shapes"
"""Value of ``alignment`` where ``has_truth`` is ``False``."""
KEY = ["ablation", "seed", "model_id", "view", "stage"]
"""Columns that identify a row."""


Tables = Mapping[str, pd.DataFrame]
"""Rows of ``chamfer.csv`` by ablation."""


class ResultsError(ValueError):
    """A table of results is unusable; the message names the file."""


def has_truth(rows: pd.DataFrame) -> bool:
    """Whether all rows were measured against true shapes."""
    return bool(rows["has_truth"].all())


def last_stage(rows: pd.DataFrame) -> pd.DataFrame:
    """Refined rows if there are any, otherwise the coarse rows."""
    refined = rows[rows["stage"] == "refined"]
    return refined if len(refined) else rows  # pyright: ignore[reportReturnType]


def write_results(rows: pd.DataFrame, path: Path) -> None:
    """Write the columns :data:`COLUMNS` and :data:`OPTIONAL_COLUMNS`, in that order, and publish the file.

    Raises:
        ResultsError: :func:`read_results` would refuse the table; nothing is published.
    """
    _check(rows, path)
    columns = [*COLUMNS, *(name for name in OPTIONAL_COLUMNS if name in rows)]
    angles = ["" if math.isnan(angle) else repr(float(angle)) for angle in rows["alignment_deg"]]
    write_table(rows[columns].assign(alignment_deg=angles), path)


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Publish a CSV with six significant digits."""
    with complete_file(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6g")


def read_results(path: Path, ablation: str | None = None) -> pd.DataFrame:
    """Read a table of results.

    Args:
        path: the CSV.
        ablation: the only ablation whose rows may be in it; any where ``None``.

    Raises:
        ResultsError: the file cannot be read, lacks columns, has a row twice, rows of another ablation, or a headline
            value that is not a number.
    """
    try:
        # The ids are text even where they look like numbers; a category may be called "None".
        rows = pd.read_csv(
            path,
            dtype={"model_id": str, "ablation": str},
            converters={"alignment_deg": _exact_float},
            keep_default_na=False,
            na_values=[""],
        )
    except (OSError, ValueError) as error:
        raise ResultsError(f"{path}: {error}") from error
    _check(rows, path)
    others = set(rows["ablation"]) - {ablation}
    if ablation is not None and others:
        raise ResultsError(f"{path}: expected rows of ablation {ablation}, got some of {', '.join(sorted(others))}")
    return rows


def _exact_float(text: str) -> float:
    """A float with every digit of its text, unlike pandas' fast parser."""
    return float(text) if text else math.nan


def _check(rows: pd.DataFrame, path: Path) -> None:
    missing = [column for column in COLUMNS if column not in rows]
    if missing:
        raise ResultsError(f"{path}: expected the columns {', '.join(missing)}, which are not there")
    repeated = rows[rows.duplicated(KEY)]
    if len(repeated):
        raise ResultsError(f"{path}: two rows of {', '.join(f'{name} {repeated.iloc[0][name]}' for name in KEY)}")
    if rows["has_truth"].dtype != bool:
        raise ResultsError(f"{path}: expected True or False in every row of has_truth")
    unknown = rows[rows["chamfer"].isna() & rows["has_truth"]]
    if len(unknown):
        raise ResultsError(f"{path}: model {unknown.iloc[0]['model_id']} has no chamfer")
