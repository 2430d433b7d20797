"""Tests of the claims of "Enhancing Shelf-Supervised Mesh Prediction in the Wild".

A claim about quality is a contrast: a weighted sum of the means of a metric over ablations. Its standard error comes
from the bootstrap over objects and seeds (:mod:`shelfnet.evaluation.statistics`). Its interval and p value come from
Student's t distribution, with one degree of freedom per training run beyond the first of each ablation. P values are
adjusted by Holm's method over all claims that could be tested. The claim that SE(3) changes nothing is a test of
equivalence (two one-sided tests), since a difference that is not significant shows nothing. The claim about memory
compares measured growth and needs no test.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
import pandas as pd
from scipy import stats

from shelfnet.evaluation.comparison import BASE
from shelfnet.evaluation.results import Tables, last_stage
from shelfnet.evaluation.statistics import Interval, Scores, bootstrap_contrast, scores

LEVEL = 0.05
"""Level of the tests, after Holm's adjustment, and of the intervals."""

POWER = 0.8
"""Probability with which a study sees an effect of its smallest detectable size."""

EQUIVALENCE = 0.05
"""Differences within this fraction of the mean of ``base`` count as no change."""

UNKNOWN = Interval(math.nan, math.nan, math.nan)


class Direction(Enum):
    """What a claim says about its contrast."""

    ABOVE = "above zero"
    BELOW = "below zero"
    ZERO = "no change"


class Outcome(Enum):
    """What the tests say about a claim."""

    CONFIRMED = "confirmed"
    CONTRADICTED = "contradicted"
    OPEN = "open"
    UNTESTED = "not tested"


@dataclass(frozen=True)
class Claim:
    """A claim of the paper about quality.

    Attributes:
        key: Its letter.
        statement: The claim in words.
        metric: Column of ``chamfer.csv``.
        weights: Weights of the ablations in the contrast.
        direction: What the claim says about the contrast.
    """

    key: str
    statement: str
    metric: str
    weights: Mapping[str, float]
    direction: Direction


CLAIMS = (
    Claim("a", "Tri-planes worsen the shape.", "chamfer", {"triplane": 1.0, BASE: -1.0}, Direction.ABOVE),
    Claim("b", "CLIP worsens the shape of the base model.", "chamfer", {"clip": 1.0, BASE: -1.0}, Direction.ABOVE),
    Claim(
        "c",
        "CLIP helps tri-planes, compared with its effect on the base model (interaction).",
        "chamfer",
        {"triplane_clip": 1.0, "triplane": -1.0, "clip": -1.0, BASE: 1.0},
        Direction.BELOW,
    ),
    Claim("d1", "CLIP causes floaters.", "floater_fraction", {"clip": 1.0, BASE: -1.0}, Direction.ABOVE),
    Claim(
        "d2",
        "Random backgrounds remove the floaters of CLIP.",
        "floater_fraction",
        {"clip_bg": 1.0, "clip": -1.0},
        Direction.BELOW,
    ),
    Claim("e", "SE(3)-equivariant convolutions change nothing.", "chamfer", {"se3": 1.0, BASE: -1.0}, Direction.ZERO),
)


@dataclass(frozen=True)
class TestedClaim:
    """A claim with its contrast.

    Attributes:
        claim: The claim.
        effect: The contrast with its 95 % interval; NaN if an ablation is missing.
        runs: Smallest number of training runs of an ablation in the contrast; zero if one is missing.
        p: P value of the test; NaN with fewer than two runs.
        adjusted_p: After Holm's adjustment over all tested claims.
        detectable: Smallest effect that this study would detect with probability :data:`POWER`, before adjustment.
        margin: Largest difference that counts as no change, for claims of no change; else NaN.
        outcome: The result.
    """

    claim: Claim
    effect: Interval = UNKNOWN
    runs: int = 0
    p: float = math.nan
    adjusted_p: float = math.nan
    detectable: float = math.nan
    margin: float = math.nan
    outcome: Outcome = Outcome.UNTESTED


def judge_claims(tables: Tables, samples: int, seed: int) -> tuple[TestedClaim, ...]:
    """Test all claims on the last stage of every ablation.

    Args:
        tables: Rows of ``chamfer.csv`` by ablation, all seeds.
        samples: Bootstrap samples.
        seed: Seed of every bootstrap.
    """
    measured = [_measure(claim, tables, samples, seed) for claim in CLAIMS]
    adjusted = iter(holm([claim.p for claim in measured if not math.isnan(claim.p)]))
    return tuple(_judge(claim, math.nan if math.isnan(claim.p) else next(adjusted)) for claim in measured)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p values by Holm's method ("A simple sequentially rejective multiple test procedure", 1979)."""
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(np.argsort(p_values, kind="stable")):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def growth_exponents(memory: pd.DataFrame) -> dict[str, float]:
    """Exponent of N with which the memory of each representation grows from the second largest to the largest N.

    Args:
        memory: Rows of ``memory_scaling.csv``.
    """
    exponents = {}
    for name, rows in memory.groupby("representation"):
        small, large = rows.sort_values("resolution")[["resolution", "field_bytes"]].to_numpy(dtype=float)[-2:]
        exponents[str(name)] = math.log(large[1] / small[1]) / math.log(large[0] / small[0])
    return exponents


def claims_table(tested: Sequence[TestedClaim]) -> pd.DataFrame:
    """One row per claim, for ``claims.csv``."""
    return pd.DataFrame(
        [
            {
                "claim": one.claim.key,
                "statement": one.claim.statement,
                "metric": one.claim.metric,
                "contrast": contrast_text(one.claim),
                "effect": one.effect.estimate,
                "ci_low": one.effect.low,
                "ci_high": one.effect.high,
                "runs": one.runs,
                "p": one.p,
                "p_holm": one.adjusted_p,
                "detectable": one.detectable,
                "margin": one.margin,
                "outcome": one.outcome.value,
            }
            for one in tested
        ]
    )


def contrast_text(claim: Claim) -> str:
    """The contrast as a formula, e.g. ``clip - base``."""
    terms = " ".join(f"{'+' if weight > 0 else '-'} {name}" for name, weight in claim.weights.items())
    return terms.removeprefix("+ ")


def _measure(claim: Claim, tables: Tables, samples: int, seed: int) -> TestedClaim:
    """Effect, p value and detectable effect, not adjusted and not judged."""
    sides = {name: _last_stage_scores(tables.get(name), claim.metric) for name in claim.weights}
    known = {name: side for name, side in sides.items() if side is not None}
    if len(known) < len(sides):
        return TestedClaim(claim)
    weighted = [(claim.weights[name], side) for name, side in known.items()]
    contrast = bootstrap_contrast(weighted, samples, np.random.default_rng(seed))
    margin = EQUIVALENCE * known[BASE].mean if claim.direction is Direction.ZERO else math.nan
    runs = min(side.values.shape[1] for side in known.values())
    if runs < 2:
        return TestedClaim(claim, Interval(contrast.estimate, math.nan, math.nan), runs, margin=margin)
    error, t = contrast.standard_error, stats.t(sum(side.values.shape[1] - 1 for side in known.values()))
    reach = float(t.ppf(1 - LEVEL / 2)) * error
    if claim.direction is Direction.ZERO:
        p = float(t.sf((margin - abs(contrast.estimate)) / error))
    else:
        p = float(2 * t.sf(abs(contrast.estimate) / error))
    effect = Interval(contrast.estimate, contrast.estimate - reach, contrast.estimate + reach)
    detectable = reach + float(t.ppf(POWER)) * error
    return TestedClaim(claim, effect, runs, p, detectable=detectable, margin=margin, outcome=Outcome.OPEN)


def _judge(measured: TestedClaim, adjusted_p: float) -> TestedClaim:
    """The claim with its adjusted p value and its outcome."""
    outcome, effect = measured.outcome, measured.effect
    if outcome is Outcome.OPEN:
        match measured.claim.direction:
            case Direction.ZERO if adjusted_p < LEVEL:
                outcome = Outcome.CONFIRMED
            case Direction.ZERO if effect.low > measured.margin or effect.high < -measured.margin:
                outcome = Outcome.CONTRADICTED
            case Direction.ABOVE | Direction.BELOW if adjusted_p < LEVEL:
                as_claimed = (effect.estimate > 0) == (measured.claim.direction is Direction.ABOVE)
                outcome = Outcome.CONFIRMED if as_claimed else Outcome.CONTRADICTED
    return replace(measured, adjusted_p=adjusted_p, outcome=outcome)


def _last_stage_scores(table: pd.DataFrame | None, metric: str) -> Scores | None:
    """Scores of the refined meshes, or of the coarse ones if nothing was refined; ``None`` without values."""
    if table is None:
        return None
    rows = last_stage(table).dropna(subset=metric)
    return None if rows.empty else scores(rows, metric)
