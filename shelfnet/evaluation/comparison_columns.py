"""Columns of the comparison as ``comparison.md`` and ``report.html`` show them, and the text of every cell."""

from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from shelfnet.config.load import UNTRAINED
from shelfnet.evaluation.baselines import BASELINES
from shelfnet.evaluation.comparison import IN_THE_PAPER, NOT_IN_THE_PAPER

UNKNOWN = "\N{EN DASH}"


@dataclass(frozen=True)
class ComparisonColumn:
    """A column of ``comparison.csv`` as it is shown.

    Attributes:
        name: Name in the file.
        title: Heading.
        format: Format specification of a value.
        better: Which values are better; ``None`` for columns without a best value.
        interval: Whether ``{name}_ci_low`` and ``{name}_ci_high`` follow the value in brackets.
    """

    name: str
    title: str
    format: str = ""
    better: Literal["lower", "higher"] | None = None
    interval: bool = False


COMPARISON_COLUMNS = (
    ComparisonColumn("ablation", "method"),
    ComparisonColumn("stage", "stage"),
    ComparisonColumn("mean", "chamfer ↓", ".4f", "lower"),
    ComparisonColumn("ci_low", "95 % from", ".4f"),
    ComparisonColumn("ci_high", "to", ".4f"),
    ComparisonColumn("n_objects", "objects"),
    ComparisonColumn("n_seeds", "seeds"),
    ComparisonColumn("n_empty", "empty"),
    ComparisonColumn("difference_to_base", "vs base", "+.4f", interval=True),
    ComparisonColumn("difference_to_mean_shape", "vs mean_shape", "+.4f", interval=True),
    ComparisonColumn("beats_mean_shape", "beats mean_shape"),
    ComparisonColumn("median", "median ↓", ".4f", "lower"),
    ComparisonColumn("chamfer_icp", "after ICP ↓", ".4f", "lower"),
    ComparisonColumn("chamfer_unicorn", "Unicorn's protocol ↓", ".4f", "lower"),
    ComparisonColumn("chamfer_l2", "chamfer_l2 ↓", ".4f", "lower"),
    ComparisonColumn("fscore", "F-score ↑", ".3f", "higher"),
    ComparisonColumn("iou", "IoU ↑", ".3f", "higher"),
    ComparisonColumn("normal_consistency", "normals ↑", ".3f", "higher"),
    ComparisonColumn("azimuth_error_deg", "azimuth error (°) ↓", ".1f", "lower"),
    ComparisonColumn("mask_iou", "mask IoU ↑", ".3f", "higher"),
    ComparisonColumn("mask_iou_ci_low", "95 % from", ".3f"),
    ComparisonColumn("mask_iou_ci_high", "to", ".3f"),
    ComparisonColumn("mask_iou_difference_to_base", "vs base", "+.3f", interval=True),
    ComparisonColumn("components", "pieces", ".1f"),
    ComparisonColumn("floater_fraction", "floaters ↓", ".3f", "lower"),
    ComparisonColumn("n_faces", "faces", ".0f"),
    ComparisonColumn("published_chamfer", "published (metric undefined)", ".4f"),
)


@dataclass(frozen=True)
class ComparisonCell:
    """Text of a cell, the value that sorts it (empty if unknown), and whether no other row is better."""

    text: str
    value: str
    best: bool


@dataclass(frozen=True)
class ComparisonRow:
    """Cells of one method; ``trivial`` methods have learned nothing from images."""

    cells: tuple[ComparisonCell, ...]
    trivial: bool


@dataclass(frozen=True)
class ComparisonCells:
    """The comparison as text."""

    titles: tuple[str, ...]
    rows: tuple[ComparisonRow, ...]


def comparison_cells(comparison: pd.DataFrame) -> ComparisonCells:
    """Format every cell; columns that are missing or have no value in any row are left out."""
    columns = [column for column in COMPARISON_COLUMNS if column.name in comparison.dropna(axis="columns", how="all")]
    best = {column.name: _best(comparison, column) for column in columns}
    rows = [
        ComparisonRow(
            cells=tuple(_cell(row, column, best[column.name]) for column in columns),
            trivial=row["ablation"] in (*BASELINES, UNTRAINED),
        )
        for row in comparison.to_dict("records")
    ]
    return ComparisonCells(tuple(column.title for column in columns), tuple(rows))


def markdown_table(comparison: pd.DataFrame) -> str:
    """The comparison as a GitHub table with the best value of each column in bold."""
    cells = comparison_cells(comparison)
    lines = [cells.titles, ["---"] * len(cells.titles)]
    for row in cells.rows:
        name, *others = row.cells
        lines.append([f"`{name.text}`", *(f"**{cell.text}**" if cell.best else cell.text for cell in others)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(row: dict[Any, Any], column: ComparisonColumn, best: str | None) -> ComparisonCell:
    value = row[column.name]
    if pd.isna(value):
        return ComparisonCell(_unknown(row["ablation"], column), "", False)
    text = format(value, column.format)
    if column.name == "beats_mean_shape":
        text = UNKNOWN if row["ablation"] in BASELINES else "yes" if value else "no"
    if column.interval:
        low, high = (format(row[f"{column.name}_{end}"], column.format) for end in ("ci_low", "ci_high"))
        text += f" [{low}, {high}]"
    return ComparisonCell(text, str(value), text == best)


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
