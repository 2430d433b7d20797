"""One row an ablation and stage, and one a trivial baseline, out of the rows of every ``chamfer.csv``."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from shelfnet.evaluation.baselines import BASELINES, MEAN_SHAPE
from shelfnet.evaluation.statistics import Interval, Scores, bootstrap_difference, bootstrap_mean, scores

BASE = "base"
STAGES = ("coarse", "refined")
HEADLINE = "chamfer"
MEAN_METRICS = (
    "chamfer_icp",
    "chamfer_l2",
    "fscore",
    "iou",
    "normal_consistency",
    "components",
    "floater_fraction",
    "mask_iou",
)
IN_THE_PAPER = (BASE, "triplane", "clip", "triplane_clip", "se3")
"""Ablations of "Enhancing Shelf-Supervised Mesh Prediction in the Wild"."""
PUBLISHED_CHAMFER: Mapping[str, float] = {BASE: 0.133, "triplane": 0.144, "clip": 0.140, "triplane_clip": 0.123}
"""Test figures of the paper (its Figure 4, 100 000 iterations) for the ``published_chamfer`` column."""
METRIC_UNDEFINED = "metric undefined: points, scale and alignment are not stated"
NOT_PUBLISHED = f"no figure in the paper: it names the ablation without one, and its {METRIC_UNDEFINED}"
NOT_IN_THE_PAPER = "not in the paper"


@dataclass(frozen=True)
class Method:
    """Rows of one ablation or baseline at one stage."""

    ablation: str
    stage: str
    rows: pd.DataFrame

    @cached_property
    def scores(self) -> Scores:
        """Headline scores, objects x seeds."""
        return scores(self.rows, HEADLINE)


def comparison_table(
    tables: Mapping[str, pd.DataFrame], baselines: pd.DataFrame, samples: int, seed: int
) -> pd.DataFrame:
    """Summarise and compare all methods.

    Args:
        tables: rows of ``chamfer.csv`` by ablation, all seeds.
        baselines: rows of the trivial baselines, with their names in ``ablation``.
        samples: bootstrap samples.
        seed: every interval starts from this seed, so that a row does not depend on which others there are.

    Returns:
        one row a method: ablations in the given order, coarse before refined, then the baselines. ``mean``,
        ``median``, ``ci_low`` and ``ci_high`` are of ``chamfer``; ``azimuth_error_deg`` is a median over views, other
        metrics are means over objects and seeds. ``beats_mean_shape`` holds where the whole 95 % interval of the
        paired difference to ``mean_shape`` lies below zero. ``published_chamfer`` is the paper's own figure, and
        ``published_note`` says why it is not comparable, or not there.

    Raises:
        ValueError: the baselines lack ``mean_shape``, or a table has no row.
    """
    for name, table in tables.items():
        if table.empty:
            raise ValueError(f"ablation {name}: expected rows of test views, got an empty table")
    trivial = {method.ablation: method for name in BASELINES for method in _methods(name, baselines)}
    if MEAN_SHAPE not in trivial:
        raise ValueError(f"baselines: expected rows of {MEAN_SHAPE}, got {', '.join(trivial) or 'none'}")
    methods = [method for name, table in tables.items() for method in _methods(name, table)]
    base = {method.stage: method for method in methods if method.ablation == BASE}
    return pd.DataFrame(
        [
            _row(method, base.get(method.stage), trivial[MEAN_SHAPE], samples, seed)
            for method in [*methods, *trivial.values()]
        ]
    )


def _methods(name: str, table: pd.DataFrame) -> list[Method]:
    own = table[table["ablation"] == name]
    return [Method(name, stage, rows) for stage in STAGES if len(rows := own[own["stage"] == stage])]


def _row(method: Method, base: Method | None, mean_shape: Method, samples: int, seed: int) -> dict[str, Any]:
    own = method.scores
    mean = bootstrap_mean(own, samples, np.random.default_rng(seed))
    to_base = _difference(method, base, samples, seed)
    to_mean_shape = _difference(method, mean_shape, samples, seed)
    return {
        "ablation": method.ablation,
        "stage": method.stage,
        "n_objects": own.values.shape[0],
        "n_seeds": own.values.shape[1],
        "n_empty": int((method.rows["status"] == "empty").sum()),
        "mean": mean.estimate,
        "median": float(method.rows[HEADLINE].median()),
        "ci_low": mean.low,
        "ci_high": mean.high,
        **_columns("difference_to_base", to_base),
        **{metric: _mean_or_nan(method.rows, metric) for metric in MEAN_METRICS},
        "azimuth_error_deg": float(method.rows["azimuth_error_deg"].median()),
        **_columns("difference_to_mean_shape", to_mean_shape),
        "beats_mean_shape": to_mean_shape.high < 0.0,
        **_published(method.ablation),
    }


def _published(ablation: str) -> dict[str, Any]:
    if ablation in PUBLISHED_CHAMFER:
        return {"published_chamfer": PUBLISHED_CHAMFER[ablation], "published_note": METRIC_UNDEFINED}
    note = NOT_PUBLISHED if ablation in IN_THE_PAPER else NOT_IN_THE_PAPER
    return {"published_chamfer": math.nan, "published_note": note}


def _difference(method: Method, reference: Method | None, samples: int, seed: int) -> Interval:
    """Paired difference; unknown where there is no reference, or the method is the reference."""
    if reference is None or (reference.ablation, reference.stage) == (method.ablation, method.stage):
        return Interval(math.nan, math.nan, math.nan)
    return bootstrap_difference(method.scores, reference.scores, samples, np.random.default_rng(seed))


def _columns(name: str, interval: Interval) -> dict[str, float]:
    return {name: interval.estimate, f"{name}_ci_low": interval.low, f"{name}_ci_high": interval.high}


def _mean_or_nan(rows: pd.DataFrame, metric: str) -> float:
    """Mean over objects and seeds; a metric that a method does not have stays unknown."""
    return math.nan if rows[metric].isna().all() else scores(rows.dropna(subset=metric), metric).mean
