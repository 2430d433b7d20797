"""Figure of the test scores by category."""

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from shelfnet.config.load import UNTRAINED
from shelfnet.evaluation.baselines import MEAN_SHAPE
from shelfnet.report.style import BASELINE_GREY, Look, log_scale, note

MAX_CATEGORIES = 12
OTHERS = "all others"


def draw_chamfer_by_category(
    drawn: Figure, tables: Mapping[str, pd.DataFrame], baselines: pd.DataFrame, style: Mapping[str, Look]
) -> None:
    """Mean Chamfer distance of the last stage in each category, the most frequent categories first; log scale.

    The network before training is left out: far off, it would press the others together.

    Args:
        drawn: an empty figure.
        tables: rows of ``chamfer.csv`` by ablation.
        baselines: rows of the trivial baselines; the mean shape is drawn as a bar to compare with.
        style: looks by ablation.
    """
    last = {name: last_stage(table) for name, table in tables.items() if len(table) and name != UNTRAINED}
    if not last:
        return note(drawn, "no test view was evaluated")
    if all(rows["chamfer"].isna().all() for rows in last.values()):
        return note(drawn, "there are no true shapes to measure a distance to")
    order = _frequent_categories(next(iter(last.values())))
    axes = drawn.subplots()
    places = np.arange(len(order))
    for rank, (name, rows) in enumerate(last.items()):
        height = _category_means(rows, order)
        offset = (rank - (len(last) - 1) / 2) * min(0.1, 0.7 / len(last))
        axes.plot(height, places + offset, style[name].marker, markersize=4.5, color=style[name].colour, label=name)
    mean_shape = _category_means(baselines[baselines["ablation"] == MEAN_SHAPE], order)
    axes.plot(mean_shape, places, "|", markersize=15, markeredgewidth=2, color=BASELINE_GREY, label=MEAN_SHAPE)
    counts = _object_counts(next(iter(last.values())), order)
    labels = [f"{name} ({count})" for name, count in zip(order, counts, strict=True)]
    axes.set_yticks(places, ["\n".join(textwrap.wrap(label, 26)) for label in labels])
    axes.invert_yaxis()
    log_scale(axes.xaxis)
    axes.set(xlabel="Chamfer distance (unit sides), test split", title="By category (objects), last stage")
    drawn.legend(*axes.get_legend_handles_labels(), loc="outside right upper")
    return None


def last_stage(rows: pd.DataFrame) -> pd.DataFrame:
    """Refined rows where there are any, else the coarse ones."""
    refined = rows[rows["stage"] == "refined"]
    return refined if len(refined) else rows


def _frequent_categories(rows: pd.DataFrame) -> list[str]:
    counts = rows["category"].fillna("none").value_counts()
    order = list(counts.index[:MAX_CATEGORIES])
    return order + ([OTHERS] if len(counts) > MAX_CATEGORIES else [])


def _object_counts(rows: pd.DataFrame, order: Sequence[str]) -> list[int]:
    return [int(count) for count in rows.groupby(_grouped(rows, order))["model_id"].nunique().reindex(order)]


def _category_means(rows: pd.DataFrame, order: Sequence[str]) -> list[float]:
    return [float(mean) for mean in rows.groupby(_grouped(rows, order))["chamfer"].mean().reindex(order)]


def _grouped(rows: pd.DataFrame, order: Sequence[str]) -> pd.Series:
    """The category of every row, or :data:`OTHERS`."""
    categories = rows["category"].fillna("none")
    return categories.where(categories.isin(order), OTHERS)
