"""How each ablation's training and predictions look: numbers, and warnings where one of them is bad."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from shelfnet.report.curves import VALIDATION, VALIDATION_MASK_IOU
from shelfnet.report.scores import last_stage

GUESSED_AZIMUTH_DEG = 60.0
MANY_FLOATERS = 0.1
LAST_LOGGED = 5
"""Logged values of a run's end that are averaged: each is of one batch."""
AZIMUTH_SPREAD_PRIOR = "health/azimuth_spread_prior"


@dataclass(frozen=True)
class Sign:
    """A number that training logs, the range in which it is well, and what is wrong outside.

    Attributes:
        name: of the number.
        low: end of the range.
        high: likewise.
        below: what is wrong below the range.
        above: what is wrong above it.
        measured_in: name of another logged number, whose multiples the ends of the range are.
    """

    name: str
    low: float
    high: float
    below: str
    above: str
    measured_in: str | None = None


TRAINING_SIGNS = (
    Sign("health/discriminator_accuracy", 0.0, 0.98, "", "the discriminator tells every render from a photo"),
    Sign("health/mask_coverage", 0.01, 0.9, "renders are nearly empty", "renders fill the whole image"),
    Sign("health/latent_deviation", 0.01, float("inf"), "latents hardly differ between images", ""),
    Sign(
        "health/azimuth_spread",
        0.2,  # where the prior is all around: a standard deviation of 27 degrees
        float("inf"),
        "all predicted azimuths are nearly the same",
        "",
        measured_in=AZIMUTH_SPREAD_PRIOR,
    ),
)


@dataclass(frozen=True)
class Health:
    """One ablation.

    Attributes:
        ablation: its name.
        iterations: the last one that was logged.
        validation: first and last mean Chamfer distance (without a truth: mask IoU) on the validation split, as text.
        empty: predictions without a surface, of all.
        azimuth_error_deg: median over test views; a guess has 90; NaN where no true view is known.
        floater_fraction: mean share of surface outside the largest piece.
        mask_iou: mean overlap of silhouette and input mask.
        training: :data:`TRAINING_SIGNS` at the end, mean over seeds; none where they were not logged.
        azimuth_spread_prior: what the spread of azimuths from the prior is in expectation, likewise.
        warnings: what is wrong, in plain words.
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


def examine(tables: Mapping[str, pd.DataFrame], curves: pd.DataFrame) -> list[Health]:
    """Examine every ablation.

    Args:
        tables: rows of ``chamfer.csv`` by ablation.
        curves: ``ablation, seed, iteration, name, value``.
    """
    return [_examine_one(name, last_stage(table), curves[curves["ablation"] == name]) for name, table in tables.items()]


def _examine_one(ablation: str, rows: pd.DataFrame, curves: pd.DataFrame) -> Health:
    validation = _validation_means(curves, VALIDATION)
    mask_iou = _validation_means(curves, VALIDATION_MASK_IOU)
    empty = int((rows["status"] == "empty").sum())
    azimuth_error, floaters = float(rows["azimuth_error_deg"].median()), float(rows["floater_fraction"].mean())
    at_end = {
        name: _value_at_end(curves, name) for name in (*(sign.name for sign in TRAINING_SIGNS), AZIMUTH_SPREAD_PRIOR)
    }
    warnings = {
        f"{empty} predictions have no surface": empty > 0,
        "validation did not improve during training": _did_not_improve(validation, mask_iou),
        "the azimuth is close to a guess (which would be off by 90°)": azimuth_error > GUESSED_AZIMUTH_DEG,
        "much of the surface floats": floaters > MANY_FLOATERS,
        "a loss is not finite": not bool(curves["value"].astype(float).abs().lt(float("inf")).all()),
    }
    return Health(
        ablation=ablation,
        iterations=int(curves["iteration"].max()) if len(curves) else 0,
        validation=_first_to_last(validation, mask_iou),
        empty=f"{empty} of {len(rows)}",
        azimuth_error_deg=azimuth_error,
        floater_fraction=floaters,
        mask_iou=float(rows["mask_iou"].astype(float).mean()),
        training=tuple(at_end[sign.name] for sign in TRAINING_SIGNS),
        azimuth_spread_prior=at_end[AZIMUTH_SPREAD_PRIOR],
        warnings=(*(text for text, holds in warnings.items() if holds), *_training_warnings(at_end)),
    )


def _value_at_end(curves: pd.DataFrame, name: str) -> float | None:
    own = curves[curves["name"] == name]
    last = sorted(own["iteration"].unique())[-LAST_LOGGED:]
    return float(own.loc[own["iteration"].isin(last), "value"].mean()) if len(own) else None


def _training_warnings(at_end: Mapping[str, float | None]) -> list[str]:
    found = []
    for sign in TRAINING_SIGNS:
        value = at_end[sign.name]
        unit = 1.0 if sign.measured_in is None else at_end[sign.measured_in]
        if value is not None and unit is not None and not sign.low * unit <= value <= sign.high * unit:
            found.append(sign.below if value < sign.low * unit else sign.above)
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
