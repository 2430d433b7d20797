"""Figures of the predicted views: azimuth confusion, and views compared with the prior."""

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
from shelfnet.data.shards.reader import EvaluationViews
from shelfnet.evaluation.view_errors import azimuth_error_deg, wrap_deg
from shelfnet.report.figures.style import BASELINE_GREY, Styles, panel_grid, show_message
from shelfnet.report.runs import Runs, aligned_predictions

_BIN_DEG = 30.0
AZIMUTH_BINS_DEG = np.arange(-180.0, 181.0, _BIN_DEG)
TICKS_DEG = (-180, -90, 0, 90, 180)
TRUE_GREY = "#555555"


@dataclass(frozen=True)
class ViewAngles:
    """Predicted and true views of one ablation's test images, all seeds, in degrees.

    Attributes:
        predicted_azimuth_deg: Aligned by the rotation of each trained model, in [-180, 180).
        true_azimuth_deg: In [-180, 180), or NaN if unknown.
        predicted_elevation_deg: Predicted elevation.
        true_elevation_deg: True elevation, or NaN if unknown.
    """

    predicted_azimuth_deg: Float[np.ndarray, "n"]
    true_azimuth_deg: Float[np.ndarray, "n"]
    predicted_elevation_deg: Float[np.ndarray, "n"]
    true_elevation_deg: Float[np.ndarray, "n"]

    @property
    def has_truth(self) -> bool:
        """Whether the true views are known; photographs have none."""
        return not np.isnan(self.true_azimuth_deg).any()


def match_views(predictions: pd.DataFrame, truth: pd.DataFrame) -> ViewAngles:
    """Coarse test predictions with their true views.

    Args:
        predictions: Rows of ``predictions.parquet`` with ``alignment_deg``, any number of seeds.
        truth: ``model_id, view, true_azimuth_deg, true_elevation_deg``.
    """
    coarse = predictions[(predictions["stage"] == "coarse") & (predictions["split"] == "test")]
    joined = coarse.merge(truth, on=["model_id", "view"])
    azimuth = joined["azimuth_deg"].to_numpy(float) + joined["alignment_deg"].to_numpy(float)
    return ViewAngles(
        predicted_azimuth_deg=wrap_deg(azimuth),
        true_azimuth_deg=wrap_deg(joined["true_azimuth_deg"].to_numpy(float)),
        predicted_elevation_deg=joined["elevation_deg"].to_numpy(float),
        true_elevation_deg=joined["true_elevation_deg"].to_numpy(float),
    )


def collect_view_angles(runs: Runs, test: EvaluationViews) -> dict[str, ViewAngles]:
    """Predicted and true views by ablation, all seeds together."""
    truth = test.table()
    return {
        name: match_views(pd.concat([aligned_predictions(run) for run in of_ablation], ignore_index=True), truth)
        for name, of_ablation in runs.items()
    }


def draw_azimuth_confusion(fig: Figure, views: Mapping[str, ViewAngles], styles: Styles) -> None:
    """2-D histogram of predicted by true azimuth; the columns of true azimuths sum to one.

    Correct predictions are on the solid line; predictions that confuse front and back are on the dashed lines.
    """
    if not views:
        show_message(fig, "no view was predicted")
        return
    known = {name: angles for name, angles in views.items() if angles.has_truth}
    if not known:
        show_message(fig, "the true views of these images are not known")
        return
    panels = panel_grid(fig, len(known), 4, sharex=True, sharey=True)
    for axes, (name, angles) in zip(panels, known.items(), strict=True):
        colours = LinearSegmentedColormap.from_list(name, ["white", styles[name].colour])
        shares, bins, alpha = azimuth_confusion(angles).T, AZIMUTH_BINS_DEG, _alpha(angles)
        axes.pcolormesh(bins, bins, shares, cmap=colours, vmin=0.0, vmax=1.0)
        axes.axline((0, 0), slope=1, color=BASELINE_GREY, linewidth=0.8)
        for shift in (-180, 180):
            axes.axline((0, shift), slope=1, color=BASELINE_GREY, linewidth=0.8, linestyle="--")
        azimuths = angles.true_azimuth_deg, angles.predicted_azimuth_deg
        axes.plot(*azimuths, ".", color="black", markersize=2, alpha=alpha)
        axes.set(xlim=(-180, 180), ylim=(-180, 180), xticks=TICKS_DEG, yticks=TICKS_DEG, aspect="equal")
        errors = azimuth_errors(angles)
        quantiles = f"median {errors.median_deg:.0f}°, 90 % < {errors.ninetieth_percentile_deg:.0f}°"
        flipped = f"{100.0 * errors.flipped_fraction:.0f} % turned round"
        axes.set_title(f"{name}, coarse\n{quantiles}\n{flipped}")
    fig.supxlabel("true azimuth (°)")
    fig.supylabel("predicted, aligned (°)")


def azimuth_confusion(angles: ViewAngles) -> Float[np.ndarray, "true predicted"]:
    """Fraction of the views in each true bin that is predicted in each bin; zero for true bins without views."""
    counts, _, _ = np.histogram2d(angles.true_azimuth_deg, angles.predicted_azimuth_deg, bins=(AZIMUTH_BINS_DEG,) * 2)
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0)


@dataclass(frozen=True)
class AzimuthErrors:
    """Quantiles of the absolute azimuth error, and the fraction within one bin of 180 degrees."""

    median_deg: float
    ninetieth_percentile_deg: float
    flipped_fraction: float


def azimuth_errors(angles: ViewAngles) -> AzimuthErrors:
    """Errors of the predicted azimuths; NaN without views."""
    errors = azimuth_error_deg(angles.predicted_azimuth_deg, angles.true_azimuth_deg, alignment_deg=0.0)
    if not len(errors):
        return AzimuthErrors(np.nan, np.nan, np.nan)
    median, ninetieth = np.quantile(errors, [0.5, 0.9])
    return AzimuthErrors(float(median), float(ninetieth), float((errors > 180.0 - _BIN_DEG).mean()))


def draw_view_prior(fig: Figure, views: Mapping[str, ViewAngles], prior: ViewPrior, styles: Styles) -> None:
    """Predicted and true views over azimuth and elevation, with the range of the prior p(v)."""
    if not views:
        show_message(fig, "no view was predicted")
        return
    panels = panel_grid(fig, len(views), 4, sharex=True, sharey=True)
    for axes, (name, angles) in zip(panels, views.items(), strict=True):
        axes.add_patch(_prior_range(prior))
        if angles.has_truth:
            true_views = angles.true_azimuth_deg, angles.true_elevation_deg
            axes.plot(*true_views, "x", color=TRUE_GREY, markersize=2, markeredgewidth=0.5)
        predicted_views = angles.predicted_azimuth_deg, angles.predicted_elevation_deg
        axes.plot(*predicted_views, ".", color=styles[name].colour, markersize=3, alpha=_alpha(angles))
        axes.set_title(f"{name}\n{100.0 * fraction_outside_prior(angles, prior):.0f} % outside p(v)")
        axes.set(xlim=(-185, 185), xticks=TICKS_DEG)
    panels[0].margins(y=0.15)
    fig.supxlabel("azimuth (°), aligned")
    fig.supylabel("elevation (°)")
    handles = _prior_legend(any(angles.has_truth for angles in views.values()))
    fig.legend(handles=handles, loc="outside lower right", ncols=3)


def fraction_outside_prior(angles: ViewAngles, prior: ViewPrior) -> float:
    """Fraction of predicted views outside the prior's elevations or, if it limits them, azimuths."""
    elevation, azimuth = angles.predicted_elevation_deg, angles.predicted_azimuth_deg
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


def _alpha(angles: ViewAngles) -> float:
    """Opacity of a point; the more points, the fainter."""
    return float(np.clip(60 / max(len(angles.predicted_azimuth_deg), 1), 0.15, 0.8))
