"""Conclusions from the comparison table as typed values; ``comparison_text`` puts them into words."""

import math
from dataclasses import dataclass
from enum import Enum

import pandas as pd

from shelfnet.config.load import UNTRAINED
from shelfnet.evaluation.baselines import BASELINES, MEAN_SHAPE, SPHERE
from shelfnet.evaluation.comparison import BASE
from shelfnet.evaluation.statistics import Interval


class Outcome(Enum):
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
    def outcome(self) -> Outcome:
        """Better or worse only if the whole interval is on that side of zero."""
        if self.interval.high < 0.0:
            return Outcome.BETTER
        return Outcome.WORSE if self.interval.low > 0.0 else Outcome.INCONCLUSIVE


@dataclass(frozen=True)
class Finding:
    """How a trained ablation, at its last stage, compares with ``mean_shape`` and with ``base``.

    Attributes:
        ablation: Name of the ablation.
        stage: Its last stage.
        to_mean_shape: Difference to ``mean_shape``.
        to_base: Difference to ``base``; ``None`` for ``base`` itself or if ``base`` was not evaluated.
    """

    ablation: str
    stage: str
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
        best: Ablation and stage with the lowest mean.
        best_chamfer: That mean.
        mean_shape_chamfer: Mean of ``mean_shape``.
        findings: One per trained ablation.
        refinement: Effect of refinement; ``None`` if nothing was refined.
    """

    best: tuple[str, str]
    best_chamfer: float
    mean_shape_chamfer: float
    findings: tuple[Finding, ...]
    refinement: RefinementEffect | None


@dataclass(frozen=True)
class ReferenceLevel:
    """Mask IoU of a method that has learned nothing, and the trained ablations that are not above it."""

    name: str
    mask_iou: float
    not_above: tuple[str, ...]


@dataclass(frozen=True)
class SilhouetteVerdict:
    """Conclusions by mask IoU.

    Attributes:
        best: Trained ablation and stage with the highest mean.
        mask_iou: That mean with its 95 % interval.
        references: Levels of ``sphere`` and ``untrained``.
    """

    best: tuple[str, str]
    mask_iou: Interval
    references: tuple[ReferenceLevel, ...]


def chamfer_verdict(comparison: pd.DataFrame) -> Verdict:
    """Conclusions from a comparison with true shapes."""
    best = comparison.loc[comparison["mean"].idxmin()]
    mean_shape = comparison.loc[comparison["ablation"] == MEAN_SHAPE, "mean"]
    base_seeds = float(comparison.loc[comparison["ablation"] == BASE, "n_seeds"].min())
    return Verdict(
        best=(best["ablation"], best["stage"]),
        best_chamfer=float(best["mean"]),
        mean_shape_chamfer=float(mean_shape.iloc[0]),
        findings=tuple(_finding(row, base_seeds) for _, row in _last_stages(comparison).iterrows()),
        refinement=_refinement_effect(comparison),
    )


def silhouette_verdict(comparison: pd.DataFrame) -> SilhouetteVerdict | None:
    """Conclusions from a comparison without true shapes; ``None`` if no trained ablation was evaluated."""
    last = comparison.drop_duplicates("ablation", keep="last").set_index("ablation")["mask_iou"]
    trained = _last_stages(comparison).set_index("ablation")
    if trained.empty:
        return None
    best = trained.loc[trained["mask_iou"].idxmax()]
    references = (
        ReferenceLevel(name, float(last[name]), tuple(trained.index[trained["mask_iou"] <= last[name]]))
        for name in (SPHERE, UNTRAINED)
        if name in last
    )
    return SilhouetteVerdict((str(best.name), best["stage"]), _interval(best, "mask_iou"), tuple(references))


def _last_stages(comparison: pd.DataFrame) -> pd.DataFrame:
    """Refined row of every trained ablation, or the coarse row of one without refinement."""
    trained = comparison[~comparison["ablation"].isin([*BASELINES, UNTRAINED])]
    return trained.drop_duplicates("ablation", keep="last")


def _finding(row: pd.Series, base_seeds: float) -> Finding:
    to_base = _interval(row, "difference_to_base")
    return Finding(
        ablation=row["ablation"],
        stage=row["stage"],
        to_mean_shape=Difference(_interval(row, "difference_to_mean_shape"), int(row["n_seeds"])),
        to_base=None if math.isnan(to_base.estimate) else Difference(to_base, int(min(row["n_seeds"], base_seeds))),
    )


def _interval(row: pd.Series, name: str) -> Interval:
    return Interval(float(row[name]), float(row[f"{name}_ci_low"]), float(row[f"{name}_ci_high"]))


def _refinement_effect(comparison: pd.DataFrame) -> RefinementEffect | None:
    both = comparison.pivot(index="ablation", columns="stage", values=["mean", "mask_iou"])
    both = both.reindex(comparison["ablation"].unique())
    if "refined" not in both["mean"]:
        return None
    both = both[(both["mask_iou"][["coarse", "refined"]] > 0.0).all(axis="columns")]
    if both.empty:
        return None
    error = 1.0 - both["mask_iou"]
    mask_error = error["refined"] / error["coarse"].clip(lower=1e-9) - 1.0
    chamfer = both["mean"]["refined"] - both["mean"]["coarse"]
    return RefinementEffect(
        mask_error=(float(mask_error.min()), float(mask_error.max())),
        chamfer=(float(chamfer.min()), float(chamfer.max())),
        worse=tuple(chamfer.index[chamfer > 0.0]),
    )
