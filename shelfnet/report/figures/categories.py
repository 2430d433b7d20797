"""Figure of the test Chamfer distance by category."""

import textwrap
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from shelfnet.evaluation.methods import MEAN_SHAPE
from shelfnet.evaluation.results import Tables
from shelfnet.report.figures.methods import compared_rows
from shelfnet.report.figures.style import BASELINE_GREY, Styles, log_scale

MAX_CATEGORIES = 12
OTHERS = "all others"


def draw_chamfer_by_category(fig: Figure, tables: Tables, baselines: pd.DataFrame, styles: Styles) -> None:
    """Mean Chamfer distance of the last stage by category, most frequent categories first; log scale.

    Args:
        fig: Empty figure.
        tables: Rows of ``chamfer.csv`` by ablation.
        baselines: Rows of the trivial baselines, for the bar of the mean shape.
        styles: Line styles by ablation.
    """
    last = compared_rows(fig, tables)
    if not last:
        return
    first = next(iter(last.values()))
    order = _frequent_categories(first)
    axes = fig.subplots()
    places = np.arange(len(order))
    for rank, (name, rows) in enumerate(last.items()):
        offset = (rank - (len(last) - 1) / 2) * min(0.1, 0.7 / len(last))
        means, style = _category_means(rows, order), styles[name]
        axes.plot(means, places + offset, style.marker, markersize=3.5, color=style.colour, label=name)
    mean_shape = _category_means(baselines[baselines["ablation"] == MEAN_SHAPE], order)
    axes.plot(mean_shape, places, "|", markersize=12, markeredgewidth=1.5, color=BASELINE_GREY, label=MEAN_SHAPE)
    counts = first.groupby(_grouped(first, order))["model_id"].nunique()
    labels = [f"{name} ({counts[name]})" for name in order]
    axes.set_yticks(places, ["\n".join(textwrap.wrap(label, 22)) for label in labels])
    axes.invert_yaxis()
    log_scale(axes.xaxis)
    axes.set(xlabel="Chamfer distance (unit sides), test split")
    fig.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)


def _frequent_categories(rows: pd.DataFrame) -> list[str]:
    counts = rows["category"].fillna("none").value_counts()
    order = list(counts.index[:MAX_CATEGORIES])
    return order + ([OTHERS] if len(counts) > MAX_CATEGORIES else [])


def _category_means(rows: pd.DataFrame, order: Sequence[str]) -> list[float]:
    return [float(mean) for mean in rows.groupby(_grouped(rows, order))["chamfer"].mean().reindex(order)]


def _grouped(rows: pd.DataFrame, order: Sequence[str]) -> pd.Series:
    """Category of every row, or :data:`OTHERS`."""
    categories = rows["category"].fillna("none")
    return categories.where(categories.isin(order), OTHERS)
