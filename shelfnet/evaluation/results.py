"""The table of one row a test view, stage and model: its columns, reading and writing."""

from pathlib import Path

import pandas as pd

from shelfnet.publishing import complete_file

COLUMNS = (
    "ablation",
    "seed",
    "model_id",
    "view",
    "stage",
    "status",
    "chamfer",
    "chamfer_l2",
    "chamfer_icp",
    "fscore",
    "precision",
    "recall",
    "iou",
    "normal_consistency",
    "azimuth_error_deg",
    "elevation_error_deg",
    "components",
    "floater_fraction",
    "mask_iou",
    "category",
    "n_points",
    "normalisation",
    "alignment",
)
"""Columns of ``chamfer.csv``, in order."""
EXTRA_COLUMNS = ("n_faces",)
"""Columns that only some tables have, after the others."""
NO_TRUTH = "none: the data set has no true shapes"
"""What ``alignment`` says where ``chamfer``, and all else that needs a true shape or view, is blank."""
KEY = ["ablation", "seed", "model_id", "view", "stage"]
"""What a row is the only one of."""


class ResultsError(ValueError):
    """A table of results cannot be used; the message names the file."""


def has_truth(rows: pd.DataFrame) -> bool:
    """Whether rows were measured against true shapes; all later stages ask this and nothing else."""
    return not (rows["alignment"] == NO_TRUTH).any()


def write_results(rows: pd.DataFrame, path: Path) -> None:
    """Write rows with the columns of :data:`COLUMNS` and :data:`EXTRA_COLUMNS`, in that order, and publish the file.

    Raises:
        ResultsError: as :func:`read_results` would; nothing is published then.
    """
    _check(rows, path)
    write_table(rows[[*COLUMNS, *(name for name in EXTRA_COLUMNS if name in rows)]], path)


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
        rows = pd.read_csv(path, dtype={"model_id": str, "ablation": str}, keep_default_na=False, na_values=[""])
    except (OSError, ValueError) as error:
        raise ResultsError(f"{path}: {error}") from error
    _check(rows, path)
    others = set(rows["ablation"]) - {ablation}
    if ablation is not None and others:
        raise ResultsError(f"{path}: expected rows of ablation {ablation}, got some of {', '.join(sorted(others))}")
    return rows


def _check(rows: pd.DataFrame, path: Path) -> None:
    missing = [column for column in COLUMNS if column not in rows]
    if missing:
        raise ResultsError(f"{path}: expected the columns {', '.join(missing)}, which are not there")
    repeated = rows[rows.duplicated(KEY)]
    if len(repeated):
        raise ResultsError(f"{path}: two rows of {', '.join(f'{name} {repeated.iloc[0][name]}' for name in KEY)}")
    unknown = rows[rows["chamfer"].isna() & (rows["alignment"] != NO_TRUTH)]
    if len(unknown):
        raise ResultsError(f"{path}: model {unknown.iloc[0]['model_id']} has no chamfer")
