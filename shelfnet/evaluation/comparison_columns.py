"""Columns of the comparison as ``comparison.md``, ``comparison.tex`` and ``report.html`` show them, and their cells."""

import math
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from shelfnet.evaluation.comparison import IN_THE_PAPER, NOT_IN_THE_PAPER
from shelfnet.evaluation.methods import BASELINES, is_trained

UNKNOWN = "\N{EN DASH}"


@dataclass(frozen=True)
class ComparisonColumn:
    """A column of ``comparison.csv`` as it is shown.

    Attributes:
        name: Name in the file.
        title: Heading.
        format: Format specification of a value.
        better: Which values are better; ``None`` for columns without a best value.
        interval: Prefix of the columns ``{interval}_low`` and ``{interval}_high``, shown in the cell of the value.
        headline: Whether the column is always shown; the others are further metrics.
    """

    name: str
    title: str
    format: str = ""
    better: Literal["lower", "higher"] | None = None
    interval: str | None = None
    headline: bool = False


COMPARISON_COLUMNS = (
    ComparisonColumn("mean", "chamfer ↓", ".4f", "lower", interval="ci", headline=True),
    ComparisonColumn(
        "difference_to_mean_shape", "vs mean_shape", "+.4f", interval="difference_to_mean_shape_ci", headline=True
    ),
    ComparisonColumn("difference_to_base", "vs base", "+.4f", interval="difference_to_base_ci", headline=True),
    ComparisonColumn("fscore", "F-score ↑", ".3f", "higher", headline=True),
    ComparisonColumn("azimuth_error_deg", "azimuth error (°) ↓", ".1f", "lower", headline=True),
    ComparisonColumn("mask_iou", "mask IoU ↑", ".3f", "higher", interval="mask_iou_ci", headline=True),
    ComparisonColumn(
        "mask_iou_difference_to_base", "vs base", "+.3f", interval="mask_iou_difference_to_base_ci", headline=True
    ),
    ComparisonColumn("n_empty", "empty", headline=True),
    ComparisonColumn("n_objects", "objects"),
    ComparisonColumn("n_seeds", "seeds"),
    ComparisonColumn("beats_mean_shape", "beats mean_shape"),
    ComparisonColumn("median", "median ↓", ".4f", "lower"),
    ComparisonColumn("chamfer_icp", "after ICP ↓", ".4f", "lower"),
    ComparisonColumn("chamfer_unicorn", "Unicorn's protocol ↓", ".4f", "lower"),
    ComparisonColumn("chamfer_l2", "chamfer_l2 ↓", ".4f", "lower"),
    ComparisonColumn("iou", "IoU ↑", ".3f", "higher"),
    ComparisonColumn("normal_consistency", "normals ↑", ".3f", "higher"),
    ComparisonColumn("components", "pieces", ".1f"),
    ComparisonColumn("floater_fraction", "floaters ↓", ".3f", "lower"),
    ComparisonColumn("n_faces", "faces", ".0f"),
    ComparisonColumn("published_chamfer", "published (metric undefined)", ".4f"),
)


@dataclass(frozen=True)
class ComparisonCell:
    """One value of a row.

    Attributes:
        text: The value as text.
        interval: Its 95 % interval in brackets; empty if it has none.
        value: The value with all digits, by which rows are sorted; empty if unknown.
        best: Whether no other row is better.
    """

    text: str
    interval: str
    value: str
    best: bool


@dataclass(frozen=True)
class ComparisonRow:
    """Cells of one method and stage; ``trivial`` methods look at no image or are not trained."""

    ablation: str
    stage: str
    cells: tuple[ComparisonCell, ...]
    trivial: bool

    @property
    def is_baseline(self) -> bool:
        """Whether the method has no stages."""
        return self.ablation in BASELINES


@dataclass(frozen=True)
class ComparisonCells:
    """The comparison as text, best row first."""

    columns: tuple[ComparisonColumn, ...]
    rows: tuple[ComparisonRow, ...]


def comparison_cells(comparison: pd.DataFrame) -> ComparisonCells:
    """Format every cell, and sort the rows by ``chamfer``, or by mask IoU without true shapes.

    Columns that are missing or have no value in any row are left out.
    """
    known = comparison.dropna(axis="columns", how="all")
    columns = tuple(column for column in COMPARISON_COLUMNS if column.name in known)
    best = {column.name: _best(comparison, column) for column in columns}
    rows = [
        ComparisonRow(
            ablation=str(row["ablation"]),
            stage=str(row["stage"]),
            cells=tuple(_cell(row, column, best[column.name]) for column in columns),
            trivial=not is_trained(row["ablation"]),
        )
        for row in sorted_by_quality(comparison).to_dict("records")
    ]
    return ComparisonCells(columns, tuple(rows))


def sorted_by_quality(comparison: pd.DataFrame) -> pd.DataFrame:
    """Rows by rising ``chamfer``, or by falling mask IoU without true shapes."""
    with_truth = bool(comparison["mean"].notna().any())
    return comparison.sort_values("mean" if with_truth else "mask_iou", ascending=with_truth, kind="stable")


def markdown_table(comparison: pd.DataFrame) -> str:
    """The comparison as a GitHub table with the best value of each column in bold."""
    shown = comparison_cells(comparison)
    titles = ["method", "stage", *(column.title for column in shown.columns)]
    lines = [titles, ["---"] * len(titles)]
    for row in shown.rows:
        lines.append([f"`{row.ablation}`", row.stage, *map(_markdown_cell, row.cells)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _markdown_cell(cell: ComparisonCell) -> str:
    text = f"**{cell.text}**" if cell.best else cell.text
    return f"{text} {cell.interval}".strip()


def _cell(row: dict[Any, Any], column: ComparisonColumn, best: str | None) -> ComparisonCell:
    value = row[column.name]
    if pd.isna(value):
        return ComparisonCell(_unknown(row["ablation"], column), "", "", False)
    text = format(value, column.format)
    if column.name == "beats_mean_shape":
        text = UNKNOWN if row["ablation"] in BASELINES else "yes" if value else "no"
    return ComparisonCell(text, _interval(row, column), str(value), text == best)


def _interval(row: dict[Any, Any], column: ComparisonColumn) -> str:
    low, high = (float(row.get(f"{column.interval}_{end}", math.nan)) for end in ("low", "high"))
    return "" if math.isnan(low) else f"[{low:{column.format}}, {high:{column.format}}]"


def _unknown(ablation: str, column: ComparisonColumn) -> str:
    """A dash, or the reason why the paper has no value."""
    if column.name != "published_chamfer":
        return UNKNOWN
    return "no figure in the paper" if ablation in IN_THE_PAPER else NOT_IN_THE_PAPER


def _best(comparison: pd.DataFrame, column: ComparisonColumn) -> str | None:
    if column.better is None:
        return None
    values = comparison[column.name]
    return format(values.min() if column.better == "lower" else values.max(), column.format)
