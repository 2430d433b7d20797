"""Figures of the test scores: by category, and of floating pieces."""

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from shelfnet.report.style import BASELINE_GREY, Look, note

MAX_CATEGORIES = 12
OTHERS = "all others"


def draw_chamfer_by_category(
    drawn: Figure, tables: Mapping[str, pd.DataFrame], baselines: pd.DataFrame, style: Mapping[str, Look]
) -> None:
    """Mean Chamfer distance of the last stage in each category, the most frequent categories first.

    Args:
        drawn: an empty figure.
        tables: rows of ``chamfer.csv`` by ablation.
        baselines: rows of the trivial baselines; ``mean_shape`` is drawn as a bar to compare with.
        style: looks by ablation.
    """
    last = {name: last_stage(table) for name, table in tables.items() if len(table)}
    if not last:
        return note(drawn, "no test view was evaluated")
    order = _frequent_categories(next(iter(last.values())))
    axes = drawn.subplots()
    places = np.arange(len(order))
    for rank, (name, rows) in enumerate(last.items()):
        height = _category_means(rows, order)
        offset = (rank - (len(last) - 1) / 2) * min(0.1, 0.7 / len(last))
        axes.plot(height, places + offset, "o", markersize=5, color=style[name].colour, label=name)
    mean_shape = _category_means(baselines[baselines["ablation"] == "mean_shape"], order)
    axes.plot(mean_shape, places, "|", markersize=15, markeredgewidth=2, color=BASELINE_GREY, label="mean_shape")
    axes.set_yticks(places, ["\n".join(textwrap.wrap(name, 24)) for name in order])
    axes.invert_yaxis()
    axes.set_xlim(left=0.0)
    axes.set(xlabel="Chamfer distance (unit sides), test split", title="By category (last stage of each ablation)")
    drawn.legend(*axes.get_legend_handles_labels(), loc="outside right upper")
    return None


def draw_floaters(drawn: Figure, tables: Mapping[str, pd.DataFrame], style: Mapping[str, Look]) -> None:
    """Share of surface outside the largest piece, and number of pieces, of every test prediction."""
    if not any(len(table) for table in tables.values()):
        return note(drawn, "no test view was evaluated")
    share, pieces = drawn.subplots(1, 2, sharey=True)
    for axes, column in ((share, "floater_fraction"), (pieces, "components")):
        _strips(axes, tables, column, style)
    share.set(xlabel="share of surface outside the largest piece", title="Floaters", xlim=(-0.02, 1.02))
    pieces.set_xscale("symlog", linthresh=1.0)
    pieces.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    pieces.set(xlabel="connected pieces", title="Pieces (bar: mean)", xlim=(-0.1, None))
    return None


def last_stage(rows: pd.DataFrame) -> pd.DataFrame:
    """Refined rows where there are any, else the coarse ones."""
    refined = rows[rows["stage"] == "refined"]
    return refined if len(refined) else rows


def _strips(axes: Axes, tables: Mapping[str, pd.DataFrame], column: str, style: Mapping[str, Look]) -> None:
    labels: list[str] = []
    generator = np.random.default_rng(0)
    for name, table in tables.items():
        for stage, rows in table.groupby("stage", sort=True):
            place = len(labels)
            values = rows[column].to_numpy(dtype=float)
            jitter = generator.uniform(-0.28, 0.28, size=len(values))
            axes.plot(values, place + jitter, ".", markersize=3, alpha=0.45, color=style[name].colour)
            axes.plot(np.nanmean(values), place, "|", markersize=18, markeredgewidth=2.5, color="black")
            labels.append(f"{name}, {stage}")
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)


def _frequent_categories(rows: pd.DataFrame) -> list[str]:
    counts = rows["category"].fillna("none").value_counts()
    order = list(counts.index[:MAX_CATEGORIES])
    return order + ([OTHERS] if len(counts) > MAX_CATEGORIES else [])


def _category_means(rows: pd.DataFrame, order: Sequence[str]) -> list[float]:
    categories = rows["category"].fillna("none")
    means = rows.groupby(categories.where(categories.isin(order), OTHERS))["chamfer"].mean()
    return [float(means.get(category, np.nan)) for category in order]
