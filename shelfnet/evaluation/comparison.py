"""The comparison table: one row per ablation or trivial baseline and stage, from the rows of ``chamfer.csv``."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from shelfnet.evaluation.methods import BASELINES, MEAN_SHAPE, SPHERE
from shelfnet.evaluation.results import Tables
from shelfnet.evaluation.statistics import Interval, Scores, bootstrap_difference, bootstrap_mean, scores

BASE = "base"
STAGES = ("coarse", "refined")
MEAN_METRICS = (
    "chamfer_icp", "chamfer_unicorn", "chamfer_l2", "fscore", "iou", "normal_consistency", "components",
    "floater_fraction", "mask_iou",
)  # fmt: skip
NEEDS_TRUTH = (
    "mean", "median", "ci_low", "ci_high", "chamfer_icp", "chamfer_unicorn", "chamfer_l2", "fscore", "iou",
    "normal_consistency", "azimuth_error_deg",
)  # fmt: skip
"""Columns that are blank where the data set has no true shapes."""
STRUCTURE = ("components", "floater_fraction", "n_faces")
IN_THE_PAPER = (BASE, "triplane", "clip", "triplane_clip", "se3")
"""Ablations of "Enhancing Shelf-Supervised Mesh Prediction in the Wild"."""
PUBLISHED_CHAMFER: Mapping[str, float] = {BASE: 0.133, "triplane": 0.144, "clip": 0.140, "triplane_clip": 0.123}
"""Test values of the paper (its Figure 4, 100 000 iterations) for the ``published_chamfer`` column."""
METRIC_UNDEFINED = "metric undefined: points, scale and alignment are not stated"
NOT_PUBLISHED = f"no figure in the paper: it names the ablation without one, and its {METRIC_UNDEFINED}"
NOT_IN_THE_PAPER = "not in the paper"


@dataclass(frozen=True)
class Method:
    """Rows of one ablation or baseline at one stage, and the metric by which it is compared."""

    ablation: str
    stage: str
    rows: pd.DataFrame
    metric: str

    @cached_property
    def scores(self) -> Scores:
        """Scores of ``metric``, objects x seeds."""
        return scores(self.rows, self.metric)


@dataclass(frozen=True)
class Bootstrap:
    """Bootstrap intervals that all start from the same seed, so that no row depends on the other rows."""

    samples: int
    seed: int

    def mean(self, method: Method) -> Interval:
        """Mean over objects and seeds."""
        return bootstrap_mean(method.scores, self.samples, np.random.default_rng(self.seed))

    def difference(self, method: Method, reference: Method | None) -> Interval:
        """Paired difference; NaN if there is no reference or the method is the reference."""
        if reference is None or (reference.ablation, reference.stage) == (method.ablation, method.stage):
            return Interval(math.nan, math.nan, math.nan)
        rng = np.random.default_rng(self.seed)
        return bootstrap_difference(method.scores, reference.scores, self.samples, rng)


def comparison_table(tables: Tables, baselines: pd.DataFrame, samples: int, seed: int) -> pd.DataFrame:
    """Summarise and compare all methods by their Chamfer distance to the true shapes.

    Args:
        tables: Rows of ``chamfer.csv`` by ablation, all seeds.
        baselines: Rows of the trivial baselines, named in ``ablation``.
        samples: Bootstrap samples.
        seed: Seed of every interval.

    Returns:
        One row per method: ablations in the given order, coarse before refined, then the baselines. ``mean``,
        ``median``, ``ci_low`` and ``ci_high`` describe ``chamfer``; ``azimuth_error_deg`` is the median over views;
        other metrics are means over objects and seeds. ``beats_mean_shape`` is true if the whole 95 % interval of the
        paired difference to ``mean_shape`` is below zero. ``published_chamfer`` is the paper's value, and
        ``published_note`` explains why it is not comparable or missing.

    Raises:
        ValueError: The baselines lack ``mean_shape``.
    """
    bootstrap = Bootstrap(samples, seed)
    methods = _methods(tables, baselines, BASELINES, "chamfer")
    mean_shape = next((method for method in methods if method.ablation == MEAN_SHAPE), None)
    if mean_shape is None:
        raise ValueError(f"baselines: expected rows of {MEAN_SHAPE}, got {', '.join(set(baselines['ablation']))}")
    return pd.DataFrame([_chamfer_row(method, _base(methods, method), mean_shape, bootstrap) for method in methods])


def silhouette_table(tables: Tables, baselines: pd.DataFrame, samples: int, seed: int) -> pd.DataFrame:
    """Summarise and compare all methods by their mask IoU, for data sets without true shapes.

    Each mesh is compared with the image that it was made from and, if refined, fitted to. A high mask IoU therefore
    says that the visible side is explained, and nothing about the other sides: a flat cut-out reaches 1.

    Args:
        tables: Rows of ``chamfer.csv`` by ablation, all seeds.
        baselines: Rows of ``sphere``.
        samples: Bootstrap samples.
        seed: Seed of every interval.

    Returns:
        One row per method: ablations in the given order, coarse before refined, then the sphere. ``mask_iou`` and the
        columns of :data:`STRUCTURE` are means over objects and seeds; the difference to ``base`` is in ``mask_iou``,
        paired by object. The columns of :data:`NEEDS_TRUTH` are blank.
    """
    bootstrap = Bootstrap(samples, seed)
    methods = _methods(tables, baselines, (SPHERE,), "mask_iou")
    return pd.DataFrame([_silhouette_row(method, _base(methods, method), bootstrap) for method in methods])


def _methods(tables: Tables, baselines: pd.DataFrame, baseline_names: tuple[str, ...], metric: str) -> list[Method]:
    return [
        Method(name, stage, rows, metric)  # pyright: ignore[reportArgumentType]
        for name, table in [*tables.items(), *((name, baselines) for name in baseline_names)]
        for stage in STAGES
        if len(rows := table[(table["ablation"] == name) & (table["stage"] == stage)])
    ]


def _base(methods: list[Method], method: Method) -> Method | None:
    """The base ablation at the stage of a method."""
    return next((other for other in methods if (other.ablation, other.stage) == (BASE, method.stage)), None)


def _chamfer_row(method: Method, base: Method | None, mean_shape: Method, bootstrap: Bootstrap) -> dict[str, Any]:
    mean = bootstrap.mean(method)
    to_mean_shape = bootstrap.difference(method, mean_shape)
    return {
        **_counts(method),
        "mean": mean.estimate,
        "median": float(method.rows["chamfer"].median()),  # pyright: ignore[reportArgumentType]
        "ci_low": mean.low,
        "ci_high": mean.high,
        **_interval_columns("difference_to_base", bootstrap.difference(method, base)),
        **{metric: _mean_or_nan(method.rows, metric) for metric in MEAN_METRICS},
        "azimuth_error_deg": float(method.rows["azimuth_error_deg"].median()),  # pyright: ignore[reportArgumentType]
        **_interval_columns("difference_to_mean_shape", to_mean_shape),
        "beats_mean_shape": to_mean_shape.high < 0.0,
        "published_chamfer": PUBLISHED_CHAMFER.get(method.ablation, math.nan),
        "published_note": _published_note(method.ablation),
    }


def _silhouette_row(method: Method, base: Method | None, bootstrap: Bootstrap) -> dict[str, Any]:
    return {
        **_counts(method),
        **dict.fromkeys(NEEDS_TRUTH, math.nan),
        **_interval_columns("mask_iou", bootstrap.mean(method)),
        **_interval_columns("mask_iou_difference_to_base", bootstrap.difference(method, base)),
        **{column: _mean_or_nan(method.rows, column) for column in STRUCTURE},
    }


def _counts(method: Method) -> dict[str, Any]:
    n_objects, n_seeds = method.scores.values.shape
    n_empty = int((method.rows["status"] == "empty").sum())
    names = {"ablation": method.ablation, "stage": method.stage}
    return {**names, "n_objects": n_objects, "n_seeds": n_seeds, "n_empty": n_empty}


def _published_note(ablation: str) -> str:
    if ablation in PUBLISHED_CHAMFER:
        return METRIC_UNDEFINED
    return NOT_PUBLISHED if ablation in IN_THE_PAPER else NOT_IN_THE_PAPER


def _interval_columns(name: str, interval: Interval) -> dict[str, float]:
    return {name: interval.estimate, f"{name}_ci_low": interval.low, f"{name}_ci_high": interval.high}


def _mean_or_nan(rows: pd.DataFrame, metric: str) -> float:
    """Mean over objects and seeds; NaN for a metric that the method does not have."""
    known = rows.dropna(subset=metric)
    return math.nan if known.empty else scores(known, metric).mean
