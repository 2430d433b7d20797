"""``comparison.csv`` as the report's table: text, value to sort by, and the best of each column."""

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from shelfnet.config.load import UNTRAINED
from shelfnet.evaluation.baselines import BASELINES

UNKNOWN = "\N{EN DASH}"
LOWER, HIGHER, NEITHER = -1, 1, 0


@dataclass(frozen=True)
class Column:
    """A column: its name in the file, its heading, how a value is written, and which direction is better."""

    name: str
    heading: str
    pattern: str
    better: int


COLUMNS = (
    Column("ablation", "method", "{}", NEITHER),
    Column("stage", "stage", "{}", NEITHER),
    Column("mean", "chamfer ↓", "{:.4f}", LOWER),
    Column("ci_low", "95 % from", "{:.4f}", NEITHER),
    Column("ci_high", "to", "{:.4f}", NEITHER),
    Column("n_objects", "objects", "{}", NEITHER),
    Column("n_seeds", "seeds", "{}", NEITHER),
    Column("n_empty", "empty", "{}", NEITHER),
    Column("difference_to_base", "vs base", "{:+.4f}", NEITHER),
    Column("difference_to_mean_shape", "vs mean_shape", "{:+.4f}", NEITHER),
    Column("beats_mean_shape", "beats mean_shape", "{}", NEITHER),
    Column("median", "median ↓", "{:.4f}", LOWER),
    Column("chamfer_icp", "after ICP ↓", "{:.4f}", LOWER),
    Column("chamfer_l2", "chamfer_l2 ↓", "{:.4f}", LOWER),
    Column("fscore", "F-score ↑", "{:.3f}", HIGHER),
    Column("iou", "IoU ↑", "{:.3f}", HIGHER),
    Column("normal_consistency", "normals ↑", "{:.3f}", HIGHER),
    Column("azimuth_error_deg", "azimuth error (°) ↓", "{:.1f}", LOWER),
    Column("mask_iou", "mask IoU ↑", "{:.3f}", HIGHER),
    Column("mask_iou_ci_low", "95 % from", "{:.3f}", NEITHER),
    Column("mask_iou_ci_high", "to", "{:.3f}", NEITHER),
    Column("mask_iou_difference_to_base", "vs base", "{:+.3f}", NEITHER),
    Column("components", "pieces", "{:.1f}", NEITHER),
    Column("floater_fraction", "floaters ↓", "{:.3f}", LOWER),
    Column("n_faces", "faces", "{:.0f}", NEITHER),
    Column("published_chamfer", "published (metric undefined)", "{:.4f}", NEITHER),
)
WITH_INTERVAL = ("difference_to_base", "difference_to_mean_shape", "mask_iou_difference_to_base")


@dataclass(frozen=True)
class Cell:
    """What a cell shows, what it is sorted by (empty: unknown), and whether no other row is better."""

    text: str
    value: str
    best: bool


@dataclass(frozen=True)
class Row:
    """One method; ``trivial`` where it has learned nothing from images."""

    cells: tuple[Cell, ...]
    trivial: bool


@dataclass(frozen=True)
class ComparisonTable:
    """Headings and rows."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def comparison_cells(comparison: pd.DataFrame) -> ComparisonTable:
    """Write every cell; columns that the file lacks are left out."""
    columns = [column for column in COLUMNS if column.name in comparison]
    best = {column.name: _best(comparison[column.name], column) for column in columns if column.better != NEITHER}
    rows = [
        Row(
            cells=tuple(_cell(row, column, best.get(column.name)) for column in columns),
            trivial=row["ablation"] in (*BASELINES, UNTRAINED),
        )
        for _, row in comparison.iterrows()
    ]
    return ComparisonTable(tuple(column.heading for column in columns), tuple(rows))


def _cell(row: pd.Series, column: Column, best: str | None) -> Cell:
    value = row[column.name]
    if _is_unknown(value):
        return Cell(_why_unknown(row, column), "", False)
    text = column.pattern.format(value)
    if column.name == "beats_mean_shape":
        text = UNKNOWN if row["ablation"] in BASELINES else "yes" if str(value) == "True" else "no"
    if column.name in WITH_INTERVAL:
        low, high = row[f"{column.name}_ci_low"], row[f"{column.name}_ci_high"]
        text += f" [{low:+.4f}, {high:+.4f}]"
    return Cell(text, str(value), text == best)


def _why_unknown(row: pd.Series, column: Column) -> str:
    """A dash; of the paper's figures the first words of why there is none."""
    return str(row["published_note"]).partition(":")[0] if column.name == "published_chamfer" else UNKNOWN


def _best(values: pd.Series, column: Column) -> str | None:
    known = values.dropna().astype(float)
    if known.empty:
        return None
    return column.pattern.format(known.min() if column.better == LOWER else known.max())


def _is_unknown(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
