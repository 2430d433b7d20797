"""How much surface floats, method by method, and what backgrounds behind CLIP's renders change about it.

A prediction without a surface has nothing that could float: it is left out here, and counted elsewhere.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict

import numpy as np
import pandas as pd

from shelfnet.evaluation.statistics import Interval, bootstrap_difference, bootstrap_mean, scores

STRUCTURE = ("floater_fraction", "components")
COLUMNS = ("ablation", "reference", "stage", "metric", "estimate", "low", "high")
"""Of the tables of this module; ``reference`` is null in one of means."""


def structure_means(tables: Mapping[str, pd.DataFrame], samples: int, seed: int) -> pd.DataFrame:
    """Mean of every metric of :data:`STRUCTURE` with its 95 % interval over objects and seeds.

    Args:
        tables: rows of ``chamfer.csv`` by ablation.
        samples: bootstrap samples.
        seed: every interval starts from it.

    Returns:
        :data:`COLUMNS`, one row an ablation, stage and metric; none where no prediction has a surface.
    """
    rows = [
        _row(name, None, stage, metric, bootstrap_mean(scores(own, metric), samples, np.random.default_rng(seed)))
        for name, table in tables.items()
        for stage, own in _by_stage(table)
        for metric in STRUCTURE
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def structure_differences(
    tables: Mapping[str, pd.DataFrame], pairs: Iterable[tuple[str, str]], samples: int, seed: int
) -> pd.DataFrame:
    """Ablation minus reference for every metric of :data:`STRUCTURE`, paired by object, with 95 % intervals.

    Args:
        tables: rows of ``chamfer.csv`` by ablation.
        pairs: ablation and reference.
        samples: bootstrap samples.
        seed: every interval starts from it.

    Returns:
        :data:`COLUMNS`; a stage in which the two have no object in common is left out.
    """
    rows = []
    for name, reference in pairs:
        theirs = dict(_by_stage(tables[reference]))
        for stage, own in _by_stage(tables[name]):
            if stage not in theirs or set(own["model_id"]).isdisjoint(theirs[stage]["model_id"]):
                continue
            for metric in STRUCTURE:
                sides = scores(own, metric), scores(theirs[stage], metric)
                difference = bootstrap_difference(*sides, samples, np.random.default_rng(seed))
                rows.append(_row(name, reference, stage, metric, difference))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _by_stage(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    return [(str(stage), rows) for stage, rows in table[table["status"] == "ok"].groupby("stage", sort=True)]


def _row(name: str, reference: str | None, stage: str, metric: str, interval: Interval) -> dict:
    return {"ablation": name, "reference": reference, "stage": stage, "metric": metric, **asdict(interval)}
