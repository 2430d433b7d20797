"""Figures of the predicted views: against the true ones, and against the prior."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.artist import Artist
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from shelfnet.config.render import ViewPrior
from shelfnet.evaluation.alignment import wrap_deg
from shelfnet.evaluation.metrics import azimuth_error_deg
from shelfnet.report.style import BASELINE_GREY, Look, note, panels

_BIN_DEG = 30.0
AZIMUTH_BINS_DEG = np.arange(-180.0, 181.0, _BIN_DEG)
TICKS_DEG = (-180, -90, 0, 90, 180)
TRUE_GREY = "#555555"


@dataclass(frozen=True)
class Poses:
    """Predicted and true views of one ablation's test images, all seeds; degrees, predictions aligned.

    Attributes:
        predicted_azimuth_deg: turned by the one alignment of each trained model, in [-180, 180).
        true_azimuth_deg: in [-180, 180), or NaN.
        predicted_elevation_deg: as predicted.
        true_elevation_deg: as rendered, or NaN.
    """

    predicted_azimuth_deg: Float[np.ndarray, "n"]
    true_azimuth_deg: Float[np.ndarray, "n"]
    predicted_elevation_deg: Float[np.ndarray, "n"]
    true_elevation_deg: Float[np.ndarray, "n"]

    @property
    def has_truth(self) -> bool:
        """Whether the true views are known; those of photographs are NaN."""
        return not np.isnan(self.true_azimuth_deg).any()


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
        predicted_azimuth_deg=wrap_deg(azimuth),
        true_azimuth_deg=wrap_deg(joined["true_azimuth_deg"].to_numpy(float)),
        predicted_elevation_deg=joined["elevation_deg"].to_numpy(float),
        true_elevation_deg=joined["true_elevation_deg"].to_numpy(float),
    )


def draw_azimuth_confusion(drawn: Figure, poses: Mapping[str, Poses], style: Mapping[str, Look]) -> None:
    """2-D histogram of predicted against true azimuth, each column of true azimuths summing to one.

    Right is on the solid line, front taken for back on the dashed ones.
    """
    if not poses:
        return note(drawn, "no view was predicted")
    known = {name: own for name, own in poses.items() if own.has_truth}
    if not known:
        return note(drawn, "the true views of these images are not known")
    for axes, (name, own) in zip(panels(drawn, len(known), 4, sharex=True, sharey=True), known.items(), strict=True):
        shades = LinearSegmentedColormap.from_list(name, ["white", style[name].colour])
        shares = azimuth_confusion(own).T
        axes.pcolormesh(AZIMUTH_BINS_DEG, AZIMUTH_BINS_DEG, shares, cmap=shades, vmin=0.0, vmax=1.0)
        axes.axline((0, 0), slope=1, color=BASELINE_GREY, linewidth=0.8)
        for shift in (-180, 180):
            axes.axline((0, shift), slope=1, color=BASELINE_GREY, linewidth=0.8, linestyle="--")
        axes.plot(own.true_azimuth_deg, own.predicted_azimuth_deg, ".", color="black", markersize=2, alpha=_alpha(own))
        axes.set(xlim=(-180, 180), ylim=(-180, 180), xticks=TICKS_DEG, yticks=TICKS_DEG, aspect="equal")
        axes.tick_params(labelsize=7)
        axes.set_title(f"{name}, coarse\n{azimuth_errors(own).sentence}", fontsize=8)
    drawn.supxlabel("true azimuth (°)", fontsize=9)
    drawn.supylabel("predicted, aligned (°)", fontsize=9)
    return None


def azimuth_confusion(poses: Poses) -> Float[np.ndarray, "true predicted"]:
    """Share of the views of each true bin that is predicted in each bin; zero where a true bin has no view."""
    counts, _, _ = np.histogram2d(poses.true_azimuth_deg, poses.predicted_azimuth_deg, bins=(AZIMUTH_BINS_DEG,) * 2)
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0)


@dataclass(frozen=True)
class AzimuthErrors:
    """Quantiles of the absolute azimuth error, in degrees, and the share that takes front for back."""

    median_deg: float
    ninth_decile_deg: float
    turned_round: float

    @property
    def sentence(self) -> str:
        """The numbers as a panel's title has room for them."""
        quantiles = f"median {self.median_deg:.0f}°, 90 % < {self.ninth_decile_deg:.0f}°"
        return f"{quantiles}\n{100.0 * self.turned_round:.0f} % turned round"


def azimuth_errors(poses: Poses) -> AzimuthErrors:
    """How far predicted azimuths are off; turned round is what is off by half a circle, give or take a bin."""
    errors = azimuth_error_deg(poses.predicted_azimuth_deg, poses.true_azimuth_deg, alignment_deg=0.0)
    if not len(errors):
        return AzimuthErrors(np.nan, np.nan, np.nan)
    median, ninth = np.quantile(errors, [0.5, 0.9])
    return AzimuthErrors(float(median), float(ninth), float((errors > 180.0 - _BIN_DEG).mean()))


def draw_view_prior(drawn: Figure, poses: Mapping[str, Poses], prior: ViewPrior, style: Mapping[str, Look]) -> None:
    """Predicted views as points over azimuth and elevation, beside the true ones, in the range of the prior p(v)."""
    if not poses:
        return note(drawn, "no view was predicted")
    drawn_in = panels(drawn, len(poses), 4, sharex=True, sharey=True)
    for axes, (name, own) in zip(drawn_in, poses.items(), strict=True):
        axes.add_patch(_prior_range(prior))
        if own.has_truth:
            axes.plot(
                own.true_azimuth_deg, own.true_elevation_deg, "x", color=TRUE_GREY, markersize=3, markeredgewidth=0.7
            )
        where = (own.predicted_azimuth_deg, own.predicted_elevation_deg)
        axes.plot(*where, ".", color=style[name].colour, markersize=5, alpha=_alpha(own))
        axes.set_title(f"{name}\n{100.0 * share_outside(own, prior):.0f} % outside p(v)", fontsize=8)
        axes.set(xlim=(-185, 185), xticks=TICKS_DEG)
        axes.tick_params(labelsize=7)
    drawn_in[0].margins(y=0.15)
    drawn.supxlabel("azimuth (°), aligned", fontsize=9)
    drawn.supylabel("elevation (°)", fontsize=9)
    drawn.legend(
        handles=_prior_legend(any(own.has_truth for own in poses.values())), loc="outside lower right", ncols=3
    )
    return None


def share_outside(poses: Poses, prior: ViewPrior) -> float:
    """Share of predicted views whose elevation the prior does not have, or whose azimuth, where it is limited."""
    elevation, azimuth = poses.predicted_elevation_deg, poses.predicted_azimuth_deg
    outside = (elevation < prior.elevation_min_deg) | (elevation > prior.elevation_max_deg)
    if prior.azimuth_max_deg - prior.azimuth_min_deg < 360.0:
        outside |= (azimuth < prior.azimuth_min_deg) | (azimuth > prior.azimuth_max_deg)
    return float(outside.mean()) if len(outside) else float("nan")


def _prior_range(prior: ViewPrior) -> Rectangle:
    corner = (prior.azimuth_min_deg, prior.elevation_min_deg)
    width, height = prior.azimuth_max_deg - corner[0], prior.elevation_max_deg - corner[1]
    return Rectangle(corner, width, height, facecolor="#eeeeee", edgecolor=BASELINE_GREY, linewidth=0.8, zorder=0)


def _prior_legend(with_truth: bool) -> list[Artist]:
    handles: list[Artist] = [Patch(facecolor="#eeeeee", edgecolor=BASELINE_GREY, label="prior p(v)")]
    handles.append(Line2D([], [], marker="o", color="black", linestyle="", markersize=4, label="predicted"))
    if with_truth:
        handles.append(Line2D([], [], marker="x", color=TRUE_GREY, linestyle="", markersize=4, label="true"))
    return handles


def _alpha(poses: Poses) -> float:
    """Fainter points, the more there are."""
    return float(np.clip(60 / max(len(poses.predicted_azimuth_deg), 1), 0.15, 0.8))
