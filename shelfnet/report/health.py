"""Health of each ablation's training and predictions: numbers, and warnings if one is out of range."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from shelfnet.evaluation.results import Tables, last_stage
from shelfnet.report.figures.curves import VALIDATION_CHAMFER, VALIDATION_MASK_IOU

GUESSED_AZIMUTH_DEG = 60.0
MANY_FLOATERS = 0.1
LAST_LOGGED = 5
"""Number of values averaged at the end of a run; each is of one batch."""
AZIMUTH_SPREAD_PRIOR = "health/azimuth_spread_prior"


@dataclass(frozen=True)
class HealthCheck:
    """A logged metric with its healthy range and the warnings outside it.

    Attributes:
        name: Name of the metric.
        low: Lower end of the range.
        high: Upper end of the range.
        below: Warning below the range.
        above: Warning above the range.
        relative_to: Logged metric by which both ends are multiplied.
    """

    name: str
    low: float
    high: float
    below: str
    above: str
    relative_to: str | None = None


HEALTH_CHECKS = (
    HealthCheck("health/discriminator_accuracy", 0.0, 0.98, "", "the discriminator tells every render from a photo"),
    HealthCheck("health/mask_coverage", 0.01, 0.9, "renders are nearly empty", "renders fill the whole image"),
    HealthCheck("health/latent_deviation", 0.01, float("inf"), "latents hardly differ between images", ""),
    HealthCheck(
        "health/azimuth_spread",
        0.2,  # for a prior over all azimuths: a standard deviation of 27 degrees
        float("inf"),
        "all predicted azimuths are nearly the same",
        "",
        relative_to=AZIMUTH_SPREAD_PRIOR,
    ),
)


@dataclass(frozen=True)
class AblationHealth:
    """Health of one ablation.

    Attributes:
        ablation: Name of the ablation.
        iterations: Last logged iteration.
        validation: First and last mean Chamfer distance (mask IoU without a truth) on the validation split, as text.
        empty: Number of predictions without a surface, of all.
        azimuth_error_deg: Median over test views; guesses have 90; NaN without true views.
        floater_fraction: Mean fraction of surface outside the largest piece.
        mask_iou: Mean IoU of silhouette and input mask.
        training: Metrics of :data:`HEALTH_CHECKS` at the end, mean over seeds; ``None`` if not logged.
        azimuth_spread_prior: Expected spread of azimuths drawn from the prior; ``None`` if not logged.
        warnings: Problems found.
    """

    ablation: str
    iterations: int
    validation: str
    empty: str
    azimuth_error_deg: float
    floater_fraction: float
    mask_iou: float
    training: tuple[float | None, ...]
    azimuth_spread_prior: float | None
    warnings: tuple[str, ...]


def check_health(tables: Tables, curves: pd.DataFrame) -> list[AblationHealth]:
    """Check every ablation.

    Args:
        tables: Rows of ``chamfer.csv`` by ablation.
        curves: ``ablation, seed, iteration, name, value``.
    """
    return [
        _check_ablation(name, last_stage(table), curves[curves["ablation"] == name]) for name, table in tables.items()
    ]


def _check_ablation(ablation: str, rows: pd.DataFrame, curves: pd.DataFrame) -> AblationHealth:
    validation = _validation_means(curves, VALIDATION_CHAMFER)
    mask_iou = _validation_means(curves, VALIDATION_MASK_IOU)
    empty = int((rows["status"] == "empty").sum())
    azimuth_error, floaters = float(rows["azimuth_error_deg"].median()), float(rows["floater_fraction"].mean())
    at_end = {
        name: _value_at_end(curves, name) for name in (*(check.name for check in HEALTH_CHECKS), AZIMUTH_SPREAD_PRIOR)
    }
    warnings = {
        f"{empty} predictions have no surface": empty > 0,
        "validation did not improve during training": _did_not_improve(validation, mask_iou),
        "the azimuth is close to a guess (which would be off by 90°)": azimuth_error > GUESSED_AZIMUTH_DEG,
        "much of the surface floats": floaters > MANY_FLOATERS,
        "a loss is not finite": not bool(curves["value"].astype(float).abs().lt(float("inf")).all()),
    }
    return AblationHealth(
        ablation=ablation,
        iterations=int(curves["iteration"].max()) if len(curves) else 0,
        validation=_first_to_last(validation, mask_iou),
        empty=f"{empty} of {len(rows)}",
        azimuth_error_deg=azimuth_error,
        floater_fraction=floaters,
        mask_iou=float(rows["mask_iou"].astype(float).mean()),
        training=tuple(at_end[check.name] for check in HEALTH_CHECKS),
        azimuth_spread_prior=at_end[AZIMUTH_SPREAD_PRIOR],
        warnings=(*(text for text, holds in warnings.items() if holds), *_training_warnings(at_end)),
    )


def _value_at_end(curves: pd.DataFrame, name: str) -> float | None:
    own = curves[curves["name"] == name]
    last = sorted(own["iteration"].unique())[-LAST_LOGGED:]
    return float(own.loc[own["iteration"].isin(last), "value"].mean()) if len(own) else None


def _training_warnings(at_end: Mapping[str, float | None]) -> list[str]:
    found = []
    for check in HEALTH_CHECKS:
        value = at_end[check.name]
        unit = 1.0 if check.relative_to is None else at_end[check.relative_to]
        if value is not None and unit is not None and not check.low * unit <= value <= check.high * unit:
            found.append(check.below if value < check.low * unit else check.above)
    return found


def _validation_means(curves: pd.DataFrame, name: str) -> list[float]:
    own = curves[curves["name"] == name]
    return [float(value) for value in own.groupby("iteration")["value"].mean()]


def _did_not_improve(chamfer: Sequence[float], mask_iou: Sequence[float]) -> bool:
    if chamfer:
        return len(chamfer) > 1 and chamfer[-1] >= chamfer[0]
    return len(mask_iou) > 1 and mask_iou[-1] <= mask_iou[0]


def _first_to_last(chamfer: Sequence[float], mask_iou: Sequence[float]) -> str:
    if chamfer:
        return f"{chamfer[0]:.4f} → {chamfer[-1]:.4f}"
    return f"mask IoU {mask_iou[0]:.2f} → {mask_iou[-1]:.2f}" if mask_iou else "not measured"
