"""Conclusions from the comparison table as typed values; ``comparison_text`` puts them into words."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import pandas as pd

from shelfnet.evaluation.comparison import BASE
from shelfnet.evaluation.methods import MEAN_SHAPE, is_trained
from shelfnet.evaluation.statistics import Interval

Row = Mapping[Any, Any]
"""Row of the comparison table by column."""


class Relation(Enum):
    """Which side of a paired difference has the lower Chamfer distance, judged by the 95 % interval."""

    BETTER = "better"
    WORSE = "worse"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Difference:
    """Mean Chamfer distance of an ablation minus that of a reference; negative is better.

    Attributes:
        interval: Estimate with its 95 % interval.
        n_seeds: Training runs on the side that has fewer.
    """

    interval: Interval
    n_seeds: int

    @property
    def relation(self) -> Relation:
        """Better or worse only if the whole interval is on that side of zero."""
        if self.interval.high < 0.0:
            return Relation.BETTER
        return Relation.WORSE if self.interval.low > 0.0 else Relation.INCONCLUSIVE


@dataclass(frozen=True)
class Finding:
    """How a trained ablation at one stage compares with ``mean_shape`` and with ``base``.

    Attributes:
        ablation: Name of the ablation.
        stage: The stage.
        chamfer: Its mean Chamfer distance.
        to_mean_shape: Difference to ``mean_shape``.
        to_base: Difference to ``base``; ``None`` for ``base`` itself or if ``base`` was not evaluated.
    """

    ablation: str
    stage: str
    chamfer: Interval
    to_mean_shape: Difference
    to_base: Difference | None


@dataclass(frozen=True)
class RefinementEffect:
    """Change by refinement, as the smallest and largest value over all refined methods.

    Attributes:
        mask_error: Relative change of 1 - mask IoU at the input view.
        chamfer: Change of the mean Chamfer distance.
        worse: Methods with a larger Chamfer distance after refinement.
    """

    mask_error: tuple[float, float]
    chamfer: tuple[float, float]
    worse: tuple[str, ...]


@dataclass(frozen=True)
class Verdict:
    """Conclusions by Chamfer distance.

    Attributes:
        best: Trained ablation and stage with the lowest mean; ``None`` if no trained ablation was evaluated.
        mean_shape_chamfer: Mean of ``mean_shape``.
        findings: One per trained ablation, at its last stage.
        refinement: Effect of refinement; ``None`` if nothing was refined.
    """

    best: Finding | None
    mean_shape_chamfer: float
    findings: tuple[Finding, ...]
    refinement: RefinementEffect | None


def chamfer_verdict(comparison: pd.DataFrame) -> Verdict:
    """Conclusions from a comparison with true shapes."""
    rows = comparison.to_dict("records")
    best = min(trained_rows(rows), key=lambda row: row["mean"], default=None)
    base_seeds = min((row["n_seeds"] for row in rows if row["ablation"] == BASE), default=0)
    return Verdict(
        best=None if best is None else _finding(best, base_seeds),
        mean_shape_chamfer=float(next(row["mean"] for row in rows if row["ablation"] == MEAN_SHAPE)),
        findings=tuple(_finding(row, base_seeds) for row in trained_rows(last_stages(rows).values())),
        refinement=_refinement_effect(rows),
    )


def last_stages(rows: Iterable[Row]) -> dict[str, Row]:
    """Refined row of every method, or the coarse row of one without refinement."""
    return {row["ablation"]: row for row in rows}


def trained_rows(rows: Iterable[Row]) -> list[Row]:
    """Rows of the methods that were trained."""
    return [row for row in rows if is_trained(row["ablation"])]


def _finding(row: Row, base_seeds: int) -> Finding:
    to_base = _interval(row, "difference_to_base")
    return Finding(
        ablation=row["ablation"],
        stage=row["stage"],
        chamfer=Interval(float(row["mean"]), float(row["ci_low"]), float(row["ci_high"])),
        to_mean_shape=Difference(_interval(row, "difference_to_mean_shape"), int(row["n_seeds"])),
        to_base=None if math.isnan(to_base.estimate) else Difference(to_base, int(min(row["n_seeds"], base_seeds))),
    )


def _interval(row: Row, name: str) -> Interval:
    return Interval(float(row[name]), float(row[f"{name}_ci_low"]), float(row[f"{name}_ci_high"]))


def _refinement_effect(rows: Sequence[Row]) -> RefinementEffect | None:
    coarse = {row["ablation"]: row for row in rows if row["stage"] == "coarse"}
    pairs = [(coarse[row["ablation"]], row) for row in rows if row["stage"] == "refined" and row["ablation"] in coarse]
    pairs = [pair for pair in pairs if all(row["mask_iou"] > 0.0 for row in pair)]
    if not pairs:
        return None
    mask_error = [(1.0 - refined["mask_iou"]) / max(1.0 - before["mask_iou"], 1e-9) - 1.0 for before, refined in pairs]
    chamfer = {refined["ablation"]: float(refined["mean"] - before["mean"]) for before, refined in pairs}
    return RefinementEffect(
        mask_error=(float(min(mask_error)), float(max(mask_error))),
        chamfer=(min(chamfer.values()), max(chamfer.values())),
        worse=tuple(name for name, change in chamfer.items() if change > 0.0),
    )
