"""Figure of floating surface and connected pieces: every prediction, means, and the effect of CLIP's backgrounds."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from shelfnet.evaluation.results import Tables
from shelfnet.report.figures.style import BASELINE_GREY, Styles, log_scale, show_message

PANELS = {"floater_fraction": "surface outside the largest piece (share)", "components": "connected pieces"}
_LINE_IN, _MARGINS_IN = 0.17, 0.8
_MEAN: dict[str, Any] = {
    "fmt": "|",
    "color": "black",
    "markersize": 8,
    "markeredgewidth": 1.5,
    "linewidth": 1.0,
    "zorder": 3,
}


def floaters_height_in(tables: Tables, differences: pd.DataFrame) -> float:
    """Height of the figure in inches."""
    rows = sum(table["stage"].nunique() for table in tables.values())
    pairs = len(differences) // len(PANELS)
    return _MARGINS_IN + _LINE_IN * rows + (0.6 + _LINE_IN * pairs if pairs else 0.0)


def draw_floaters(fig: Figure, tables: Tables, means: pd.DataFrame, differences: pd.DataFrame, styles: Styles) -> None:
    """Points are predictions, bars are means with 95 % intervals; below are differences paired by object.

    Args:
        fig: Empty figure of height :func:`floaters_height_in`.
        tables: Rows of ``chamfer.csv`` by ablation; predictions without a surface are counted but not drawn.
        means: ``ablation, stage, metric, estimate, low, high``.
        differences: The same with ``reference``, for pairs that differ only in CLIP's backgrounds; may be empty.
        styles: Line styles by ablation.
    """
    if means.empty:
        show_message(fig, "no test prediction has a surface")
        return
    lines = sum(table["stage"].nunique() for table in tables.values())
    pairs = len(differences) // len(PANELS)
    heights = [lines, pairs + 0.5] if pairs else [lines]
    grid = fig.subplots(len(heights), len(PANELS), squeeze=False, sharey="row", height_ratios=heights)
    for axes, (metric, label) in zip(grid[0], PANELS.items(), strict=True):
        _draw_predictions(axes, tables, means[means["metric"] == metric], metric, styles)
        axes.set_xlabel(label)
    grid[0, 0].set_title("Every prediction; mean and 95 % interval")
    log_scale(grid[0, 1].xaxis)
    if pairs:
        for axes, (metric, label) in zip(grid[1], PANELS.items(), strict=True):
            _draw_differences(axes, differences[differences["metric"] == metric])
            axes.set_xlabel(f"difference in {label}")
        grid[1, 0].set_title("With other backgrounds behind CLIP's renders, minus without, paired by object")


def _draw_predictions(axes: Axes, tables: Tables, means: pd.DataFrame, metric: str, styles: Styles) -> None:
    rng, labels = np.random.default_rng(0), []
    estimates = means.set_index(["ablation", "stage"])
    for name, table in tables.items():
        for stage, rows in table.groupby("stage", sort=True):
            place, measured = len(labels), rows[rows["status"] == "ok"]
            jitter = rng.uniform(-0.28, 0.28, size=len(measured))
            axes.plot(measured[metric], place + jitter, ".", markersize=2, alpha=0.4, color=styles[name].colour)
            if (name, stage) in estimates.index:
                _plot_interval(axes, estimates.loc[(name, stage)], place)
            empty = len(rows) - len(measured)
            labels.append(f"{name}, {stage}" + (f" ({empty} empty)" if empty else ""))
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)


def _draw_differences(axes: Axes, differences: pd.DataFrame) -> None:
    axes.axvline(0.0, color=BASELINE_GREY, linewidth=1.0)
    for place, (_, row) in enumerate(differences.iterrows()):
        _plot_interval(axes, row, place)
    labels = [f"{row.ablation} - {row.reference}, {row.stage}" for row in differences.itertuples()]
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.xaxis.set_major_locator(MaxNLocator(6))


def _plot_interval(axes: Axes, row: pd.Series, place: int) -> None:
    below, above = row["estimate"] - row["low"], row["high"] - row["estimate"]
    # By rounding, a mean over all cells can be slightly outside the percentiles of its bootstrap samples.
    axes.errorbar(row["estimate"], place, xerr=[[max(below, 0.0)], [max(above, 0.0)]], **_MEAN)
