"""Figure of floating surface: every prediction, means with intervals, and what backgrounds behind CLIP change."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from shelfnet.report.style import BASELINE_GREY, Look, log_scale, note

PANELS = {"floater_fraction": "surface outside the largest piece (share)", "components": "connected pieces"}
_LINE_IN, _MARGINS_IN = 0.26, 1.5
_MEAN = {"fmt": "|", "color": "black", "markersize": 11, "markeredgewidth": 2, "linewidth": 1.5, "zorder": 3}


def floaters_height_in(tables: Mapping[str, pd.DataFrame], differences: pd.DataFrame) -> float:
    """Height of the figure in inches."""
    rows = sum(table["stage"].nunique() for table in tables.values())
    pairs = len(differences) // len(PANELS)
    return _MARGINS_IN + _LINE_IN * rows + (0.9 + _LINE_IN * pairs if pairs else 0.0)


def draw_floaters(
    drawn: Figure,
    tables: Mapping[str, pd.DataFrame],
    means: pd.DataFrame,
    differences: pd.DataFrame,
    style: Mapping[str, Look],
) -> None:
    """Points are predictions, bars means with 95 % intervals; below, differences paired by object.

    Args:
        drawn: an empty figure of :func:`floaters_height_in`.
        tables: rows of ``chamfer.csv`` by ablation; predictions without a surface are not drawn, but counted.
        means: ``ablation, stage, metric, estimate, low, high``.
        differences: the same with ``reference``, for pairs that differ in CLIP's backgrounds alone; may be empty.
        style: looks by ablation.
    """
    if means.empty:
        return note(drawn, "no test prediction has a surface")
    lines = sum(table["stage"].nunique() for table in tables.values())
    pairs = len(differences) // len(PANELS)
    heights = [lines, pairs + 0.5] if pairs else [lines]
    grid = drawn.subplots(len(heights), len(PANELS), squeeze=False, sharey="row", height_ratios=heights)
    for axes, (metric, label) in zip(grid[0], PANELS.items(), strict=True):
        _draw_predictions(axes, tables, means[means["metric"] == metric], metric, style)
        axes.set_xlabel(label)
    grid[0, 0].set_title("Every prediction; mean and 95 % interval")
    log_scale(grid[0, 1].xaxis)
    if pairs:
        for axes, (metric, label) in zip(grid[1], PANELS.items(), strict=True):
            _draw_differences(axes, differences[differences["metric"] == metric])
            axes.set_xlabel(f"difference in {label}")
        grid[1, 0].set_title("With other backgrounds behind CLIP's renders, minus without, paired by object")
    return None


def _draw_predictions(
    axes: Axes, tables: Mapping[str, pd.DataFrame], means: pd.DataFrame, metric: str, style: Mapping[str, Look]
) -> None:
    generator, labels = np.random.default_rng(0), []
    estimates = means.set_index(["ablation", "stage"])
    for name, table in tables.items():
        for stage, rows in table.groupby("stage", sort=True):
            place, own = len(labels), rows[rows["status"] == "ok"]
            jitter = generator.uniform(-0.28, 0.28, size=len(own))
            axes.plot(own[metric], place + jitter, ".", markersize=3, alpha=0.4, color=style[name].colour)
            if (name, stage) in estimates.index:
                _mean_with_interval(axes, estimates.loc[(name, stage)], place)
            empty = len(rows) - len(own)
            labels.append(f"{name}, {stage}" + (f" ({empty} empty)" if empty else ""))
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)


def _draw_differences(axes: Axes, differences: pd.DataFrame) -> None:
    axes.axvline(0.0, color=BASELINE_GREY, linewidth=1.0)
    for place, (_, row) in enumerate(differences.iterrows()):
        _mean_with_interval(axes, row, place)
    labels = [f"{row.ablation} - {row.reference}, {row.stage}" for row in differences.itertuples()]
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.xaxis.set_major_locator(MaxNLocator(6))


def _mean_with_interval(axes: Axes, row: pd.Series, place: int) -> None:
    below, above = row["estimate"] - row["low"], row["high"] - row["estimate"]
    # A mean over all cells can lie a rounding error outside the percentiles of its own samples.
    axes.errorbar(row["estimate"], place, xerr=[[max(below, 0.0)], [max(above, 0.0)]], **_MEAN)
