"""Figure of the test Chamfer distance by method: every run, the mean and its interval."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from shelfnet.config.load import UNTRAINED
from shelfnet.evaluation.methods import MEAN_SHAPE
from shelfnet.evaluation.results import Tables, last_stage
from shelfnet.evaluation.statistics import bootstrap_mean, scores
from shelfnet.report.figures.style import BASELINE_GREY, Styles, show_message


def draw_chamfer_by_method(
    fig: Figure, tables: Tables, baselines: pd.DataFrame, styles: Styles, samples: int, seed: int
) -> None:
    """Mean Chamfer distance of the last stage: markers are runs, bars the means with 95 % intervals; best method first.

    Args:
        fig: Empty figure.
        tables: Rows of ``chamfer.csv`` by ablation.
        baselines: Rows of the trivial baselines, for the line of the mean shape.
        styles: Line styles by ablation.
        samples: Bootstrap samples.
        seed: Seed of every interval.
    """
    last = compared_rows(fig, tables)
    if not last:
        return
    axes = fig.subplots()
    intervals = {
        name: bootstrap_mean(scores(rows, "chamfer"), samples, np.random.default_rng(seed))
        for name, rows in last.items()
    }
    order = sorted(last, key=lambda name: intervals[name].estimate)
    for place, name in enumerate(order):
        interval, style = intervals[name], styles[name]
        runs = last[name].groupby(["seed", "model_id"])["chamfer"].mean().groupby("seed").mean()
        axes.plot([interval.low, interval.high], [place, place], color=style.colour)
        axes.plot(interval.estimate, place, "|", markersize=9, markeredgewidth=1.5, color="black", zorder=3)
        axes.plot(runs, [place] * len(runs), style.marker, markersize=3.5, alpha=0.6, color=style.colour)
    mean_shape = baselines.loc[baselines["ablation"] == MEAN_SHAPE, "chamfer"].mean()
    axes.axvline(float(mean_shape), color=BASELINE_GREY, linestyle="--", label=MEAN_SHAPE)
    axes.set_yticks(range(len(order)), order)
    axes.invert_yaxis()
    axes.set(xlabel="Chamfer distance (unit sides), test split")
    fig.legend(*axes.get_legend_handles_labels(), loc="outside lower center")


def compared_rows(fig: Figure, tables: Tables) -> dict[str, pd.DataFrame]:
    """Rows of the last stage by ablation; if there is nothing to compare, none, and the figure says why.

    ``untrained`` is left out: it is so far off that it would press the others together.

    Args:
        fig: Empty figure.
        tables: Rows of ``chamfer.csv`` by ablation.
    """
    last = {name: last_stage(table) for name, table in tables.items() if len(table) and name != UNTRAINED}
    if not last:
        show_message(fig, "no test view was evaluated")
    elif all(rows["chamfer"].isna().all() for rows in last.values()):
        show_message(fig, "there are no true shapes to measure a distance to")
        return {}
    return last
