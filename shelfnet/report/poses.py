"""Figures of the predicted views: against the true ones, and against the prior."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.figure import Figure

from shelfnet.config.render import ViewPrior
from shelfnet.report.style import BASELINE_GREY, Look, note, panels

AZIMUTH_BINS_DEG = np.arange(-180.0, 181.0, 15.0)
TICKS_DEG = (-180, -90, 0, 90, 180)


@dataclass(frozen=True)
class Poses:
    """Predicted and true views of one ablation's test pictures, all seeds; degrees, predictions aligned.

    Attributes:
        predicted_azimuth_deg: turned by the one alignment of each trained model, in [-180, 180).
        true_azimuth_deg: in [-180, 180).
        predicted_elevation_deg: as predicted.
        true_elevation_deg: as rendered.
    """

    predicted_azimuth_deg: Float[np.ndarray, "n"]
    true_azimuth_deg: Float[np.ndarray, "n"]
    predicted_elevation_deg: Float[np.ndarray, "n"]
    true_elevation_deg: Float[np.ndarray, "n"]


def match_poses(predictions: pd.DataFrame, truth: pd.DataFrame) -> Poses:
    """Coarse test predictions beside the true views.

    Args:
        predictions: rows of ``predictions.parquet`` with ``alignment_deg``, any number of seeds.
        truth: ``model_id, view, true_azimuth_deg, true_elevation_deg``.
    """
    own = predictions[(predictions["stage"] == "coarse") & (predictions["split"] == "test")]
    joined = own.merge(truth, on=["model_id", "view"])
    azimuth = joined["azimuth_deg"].to_numpy(float) + joined["alignment_deg"].to_numpy(float)
    return Poses(
        predicted_azimuth_deg=_wrapped(azimuth),
        true_azimuth_deg=_wrapped(joined["true_azimuth_deg"].to_numpy(float)),
        predicted_elevation_deg=joined["elevation_deg"].to_numpy(float),
        true_elevation_deg=joined["true_elevation_deg"].to_numpy(float),
    )


def draw_azimuth_confusion(drawn: Figure, poses: Mapping[str, Poses], style: Mapping[str, Look]) -> None:
    """Predicted against true azimuth: right on the solid line, front and back confused on the dashed ones."""
    if not poses:
        return note(drawn, "no view was predicted")
    for axes, (name, own) in zip(panels(drawn, len(poses), 4, sharex=True, sharey=True), poses.items(), strict=True):
        axes.axline((0, 0), slope=1, color=BASELINE_GREY, linewidth=0.8)
        for shift in (-180, 180):
            axes.axline((0, shift), slope=1, color=BASELINE_GREY, linewidth=0.8, linestyle="--")
        alpha = float(np.clip(60 / max(len(own.true_azimuth_deg), 1), 0.15, 0.8))
        axes.plot(own.true_azimuth_deg, own.predicted_azimuth_deg, ".", color=style[name].colour, alpha=alpha)
        axes.set(xlim=(-180, 180), ylim=(-180, 180), xticks=TICKS_DEG, yticks=TICKS_DEG, aspect="equal")
        axes.set_title(f"{name}\nmedian error {_median_error_deg(own):.0f}°")
    drawn.supxlabel("true azimuth (°)", fontsize=9)
    drawn.supylabel("predicted, aligned (°)", fontsize=9)
    return None


def draw_view_prior(drawn: Figure, poses: Mapping[str, Poses], prior: ViewPrior, style: Mapping[str, Look]) -> None:
    """Distributions of predicted azimuth and elevation beside the true ones and the prior p(v)."""
    if not poses:
        return note(drawn, "no view was predicted")
    azimuth, elevation = drawn.subplots(1, 2)
    azimuth.axvspan(prior.azimuth_min_deg, prior.azimuth_max_deg, color="#eeeeee", label="prior p(v)")
    elevation.axvspan(prior.elevation_min_deg, prior.elevation_max_deg, color="#eeeeee")
    bins = _elevation_bins(poses, prior)
    any_poses = next(iter(poses.values()))
    black = {"color": "black", "histtype": "step", "linestyle": ":", "density": True}
    azimuth.hist(any_poses.true_azimuth_deg, AZIMUTH_BINS_DEG, label="true", **black)
    elevation.hist(any_poses.true_elevation_deg, bins, **black)
    for name, own in poses.items():
        line = {"color": style[name].colour, "linestyle": style[name].dash, "histtype": "step", "density": True}
        azimuth.hist(own.predicted_azimuth_deg, AZIMUTH_BINS_DEG, label=name, **line)
        elevation.hist(own.predicted_elevation_deg, bins, **line)
    azimuth.set(xlabel="azimuth (°), aligned", ylabel="density", xticks=TICKS_DEG, title="Predicted azimuth")
    elevation.set(xlabel="elevation (°)", title="Predicted elevation")
    drawn.legend(*azimuth.get_legend_handles_labels(), loc="outside right upper")
    return None


def _elevation_bins(poses: Mapping[str, Poses], prior: ViewPrior) -> Float[np.ndarray, "bins"]:
    values = [own.predicted_elevation_deg for own in poses.values()]
    values += [own.true_elevation_deg for own in poses.values()]
    values += [np.array([prior.elevation_min_deg, prior.elevation_max_deg])]
    every = np.concatenate(values)
    return np.linspace(every.min() - 1.0, every.max() + 1.0, 25)


def _median_error_deg(poses: Poses) -> float:
    errors = np.abs(_wrapped(poses.predicted_azimuth_deg - poses.true_azimuth_deg))
    return float(np.median(errors)) if len(errors) else float("nan")


def _wrapped(degrees: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
    return (degrees + 180.0) % 360.0 - 180.0
