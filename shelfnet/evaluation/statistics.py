"""Bootstrap means and differences over objects and seeds; differences are paired by object.

Scores are ``objects x seeds`` matrices. All objects of a seed share one training run, so the two factors are crossed: a
bootstrap sample draws objects with replacement and, independently, seeds with replacement, and averages the cells of
both. (Drawing seeds anew for each object would average out the differences between runs and make intervals too
narrow.) Draws from n seeds have only (n - 1) / n of the variance between runs, which is half for two seeds. Deviations
of the drawn seeds from the mean of all seeds are therefore multiplied by sqrt(n / (n - 1)) (Rao and Wu, "Resampling
inference with complex survey data", JASA 1988).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

_TAILS = (0.025, 0.975)


@dataclass(frozen=True)
class Scores:
    """One metric of one method: each cell is the mean over the views of an object for one seed; NaN if missing.

    Raises:
        ValueError: An object or a seed has no score.
    """

    model_ids: tuple[str, ...]
    values: Float[np.ndarray, "objects seeds"]

    def __post_init__(self) -> None:
        known = ~np.isnan(self.values)
        if self.values.size == 0 or not known.any(axis=1).all() or not known.any(axis=0).all():
            raise ValueError(
                f"expected a score for every object and every seed, got {int(known.sum())} of {known.shape}"
            )

    @property
    def mean(self) -> float:
        """Mean over all cells."""
        return float(np.nanmean(self.values))


@dataclass(frozen=True)
class Interval:
    """An estimate with its 95 % bootstrap interval."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True)
class Contrast:
    """A weighted sum of means with its bootstrap standard error."""

    estimate: float
    standard_error: float


def scores(rows: pd.DataFrame, metric: str) -> Scores:
    """Scores of one method from rows with ``model_id``, ``seed`` and ``metric``; objects in sorted order."""
    table = rows.pivot_table(index="model_id", columns="seed", values=metric, aggfunc="mean").sort_index()
    return Scores(model_ids=tuple(table.index), values=table.to_numpy(dtype=np.float64))


def bootstrap_mean(method: Scores, samples: int, generator: np.random.Generator) -> Interval:
    """Mean over objects and seeds with its percentile interval."""
    objects, seeds = method.values.shape
    resampled = _resampled_means(method.values, _draws(objects, samples, generator), _draws(seeds, samples, generator))
    return _interval(method.mean, resampled)


def bootstrap_difference(method: Scores, reference: Scores, samples: int, generator: np.random.Generator) -> Interval:
    """Mean of ``method`` minus mean of ``reference`` over their common objects, paired by object.

    Raises:
        ValueError: The methods have no object in common.
    """
    return _interval(*_resampled_contrast([(1.0, method), (-1.0, reference)], samples, generator))


def bootstrap_contrast(
    methods: Sequence[tuple[float, Scores]], samples: int, generator: np.random.Generator
) -> Contrast:
    """Weighted sum of the means of methods over their common objects, paired by object.

    Args:
        methods: Weight and scores of each method.
        samples: Bootstrap samples.
        generator: Source of the draws.

    Raises:
        ValueError: The methods have no object in common.
    """
    estimate, resampled = _resampled_contrast(methods, samples, generator)
    return Contrast(estimate, float(np.nanstd(resampled, ddof=1)))


def _resampled_contrast(
    methods: Sequence[tuple[float, Scores]], samples: int, generator: np.random.Generator
) -> tuple[float, Float[np.ndarray, "samples"]]:
    """A contrast and its value in every bootstrap sample.

    A sample has the same objects for all methods, and independent seeds: training runs are not paired.
    """
    common = sorted(set.intersection(*(set(method.model_ids) for _, method in methods)))
    if not common:
        raise ValueError("expected methods that share objects, got none in common")
    object_draws = _draws(len(common), samples, generator)
    estimate, resampled = 0.0, np.zeros(samples)
    for weight, method in methods:
        side = _take(method, common)
        seed_draws = _draws(side.values.shape[1], samples, generator)
        estimate += weight * side.mean
        resampled += weight * _resampled_means(side.values, object_draws, seed_draws)
    return estimate, resampled


def _take(method: Scores, model_ids: list[str]) -> Scores:
    """Scores of some objects, without the seeds that have none of these objects."""
    position = {model_id: row for row, model_id in enumerate(method.model_ids)}
    values = method.values[[position[model_id] for model_id in model_ids]]
    return Scores(tuple(model_ids), values[:, ~np.isnan(values).all(axis=0)])


def _draws(n: int, samples: int, generator: np.random.Generator) -> Float[np.ndarray, "samples n"]:
    """Number of times that each of ``n`` items is drawn in ``n`` draws with replacement."""
    return generator.multinomial(n, np.full(n, 1.0 / n), size=samples).astype(np.float64)


def _resampled_means(
    values: Float[np.ndarray, "objects seeds"],
    object_draws: Float[np.ndarray, "samples objects"],
    seed_draws: Float[np.ndarray, "samples seeds"],
) -> Float[np.ndarray, "samples"]:
    """Means over the known cells of every bootstrap sample; NaN if a sample has none."""
    known: Bool[np.ndarray, "objects seeds"] = ~np.isnan(values)
    totals, counts = object_draws @ np.where(known, values, 0.0), object_draws @ known
    of_all_seeds = _ratio(totals.sum(axis=1), counts.sum(axis=1))
    of_drawn_seeds = _ratio((totals * seed_draws).sum(axis=1), (counts * seed_draws).sum(axis=1))
    seeds = values.shape[1]
    stretch = math.sqrt(seeds / (seeds - 1)) if seeds > 1 else 1.0
    return of_all_seeds + stretch * (of_drawn_seeds - of_all_seeds)


def _ratio(totals: Float[np.ndarray, "samples"], counts: Float[np.ndarray, "samples"]) -> Float[np.ndarray, "samples"]:
    return np.divide(totals, counts, out=np.full(len(totals), np.nan), where=counts > 0)


def _interval(estimate: float, resampled: Float[np.ndarray, "samples"]) -> Interval:
    low, high = np.nanquantile(resampled, _TAILS)
    return Interval(estimate=estimate, low=float(low), high=float(high))
