"""Floating surface by method, and the effect of backgrounds behind CLIP's renders on it.

Predictions without a surface have nothing that could float and are left out.
"""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from shelfnet.evaluation.results import Tables
from shelfnet.evaluation.statistics import Interval, bootstrap_difference, bootstrap_mean, scores

METRICS = ("floater_fraction", "components")
COLUMNS = ("ablation", "reference", "stage", "metric", "estimate", "low", "high")
"""Columns of both tables; ``reference`` is null in the table of means."""


def floater_means(tables: Tables, samples: int, seed: int) -> pd.DataFrame:
    """Mean of every metric of :data:`METRICS` with its 95 % interval over objects and seeds.

    Args:
        tables: Rows of ``chamfer.csv`` by ablation.
        samples: Bootstrap samples.
        seed: Seed of every interval.

    Returns:
        :data:`COLUMNS`, one row per ablation, stage and metric; no row where no prediction has a surface.
    """
    rows = [
        _row(name, None, stage, metric, bootstrap_mean(scores(own, metric), samples, np.random.default_rng(seed)))
        for name, table in tables.items()
        for stage, own in _by_stage(table)
        for metric in METRICS
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def floater_differences(tables: Tables, pairs: Iterable[tuple[str, str]], samples: int, seed: int) -> pd.DataFrame:
    """Ablation minus reference for every metric of :data:`METRICS`, paired by object, with 95 % intervals.

    Args:
        tables: Rows of ``chamfer.csv`` by ablation.
        pairs: Ablations with their references.
        samples: Bootstrap samples.
        seed: Seed of every interval.

    Returns:
        :data:`COLUMNS`; a stage in which the two have no object in common is left out.
    """
    rows = []
    for name, reference in pairs:
        reference_rows = dict(_by_stage(tables[reference]))
        for stage, own in _by_stage(tables[name]):
            other = reference_rows.get(stage)
            if other is None or set(own["model_id"]).isdisjoint(other["model_id"]):
                continue
            for metric in METRICS:
                rng = np.random.default_rng(seed)
                difference = bootstrap_difference(scores(own, metric), scores(other, metric), samples, rng)
                rows.append(_row(name, reference, stage, metric, difference))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _by_stage(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    with_surface = table[table["status"] == "ok"]
    return [(str(stage), rows) for stage, rows in with_surface.groupby("stage", sort=True)]  # pyright: ignore[reportReturnType]


def _row(name: str, reference: str | None, stage: str, metric: str, interval: Interval) -> dict[str, Any]:
    return {"ablation": name, "reference": reference, "stage": stage, "metric": metric, **asdict(interval)}
