"""Figure of the views of a data set on the sphere around the object."""

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from shelfnet.config.render import ViewPrior
from shelfnet.palette import OKABE_ITO
from shelfnet.report.figures.style import BASELINE_GREY, show_message

AZIMUTH_BIN_DEG, ELEVATION_BIN_DEG = 15.0, 5.0
_MANY = 3000
"""Number of views above which the points are rasterised in the PDF."""


def draw_view_sphere(
    fig: Figure, azimuths_deg: Float[np.ndarray, "n"], elevations_deg: Float[np.ndarray, "n"], prior: ViewPrior
) -> None:
    """Views on an equal-area map of the sphere (Mollweide), and histograms of both angles with the prior.

    Args:
        fig: Empty figure.
        azimuths_deg: Azimuths about +Y from +Z, in [-180, 180].
        elevations_deg: Elevations above the horizon.
        prior: Prior p(v) from which the views were drawn.
    """
    if not len(azimuths_deg) or np.isnan(azimuths_deg).any():
        show_message(fig, "the views of these images are not known")
        return
    grid = fig.add_gridspec(2, 2, width_ratios=[1.6, 1.0])
    _draw_map(fig.add_subplot(grid[:, 0], projection="mollweide"), azimuths_deg, elevations_deg, prior)
    angles = (
        ("azimuth", azimuths_deg, AZIMUTH_BIN_DEG, prior.azimuth_min_deg, prior.azimuth_max_deg),
        ("elevation", elevations_deg, ELEVATION_BIN_DEG, prior.elevation_min_deg, prior.elevation_max_deg),
    )
    for row, (name, values, width, low, high) in enumerate(angles):
        axes = fig.add_subplot(grid[row, 1])
        axes.hist(values, angle_bins(values, width), color=OKABE_ITO[0])
        expected = len(values) * width / max(high - low, width)
        axes.plot([low, high], [expected] * 2, color="black", linestyle="--", linewidth=1.0, label="p(v)")
        axes.set(xlabel=f"{name} (°)", ylabel="images")
    fig.axes[1].set_xticks(np.arange(-180.0, 181.0, 90.0))
    fig.axes[1].legend(loc="lower right", frameon=True)


def angle_bins(values: Float[np.ndarray, "n"], width: float) -> Float[np.ndarray, "b"]:
    """Bin edges at multiples of ``width`` that contain all values."""
    low, high = np.floor(values.min() / width), np.floor(values.max() / width) + 1.0
    return np.arange(low, high + 0.5) * width


def _draw_map(
    axes: Axes, azimuths_deg: Float[np.ndarray, "n"], elevations_deg: Float[np.ndarray, "n"], prior: ViewPrior
) -> None:
    sides = np.radians(np.linspace(prior.azimuth_min_deg, prior.azimuth_max_deg, 181))
    band = [np.full_like(sides, np.radians(edge)) for edge in (prior.elevation_min_deg, prior.elevation_max_deg)]
    axes.fill_between(sides, *band, color="#eeeeee", edgecolor=BASELINE_GREY, linewidth=0.8, label="range of p(v)")
    alpha = float(np.clip(400 / len(azimuths_deg), 0.05, 0.8))
    where = np.radians(azimuths_deg), np.radians(elevations_deg)
    axes.plot(*where, ".", markersize=2, alpha=alpha, color=OKABE_ITO[0], rasterized=len(azimuths_deg) > _MANY)
    axes.set_xticks(np.radians([-120, -60, 0, 60, 120]), ["-120°", "-60°", "front", "60°", "120°"])
    axes.set_yticks(np.radians([-60, -30, 0, 30, 60]), ["-60°", "-30°", "0°", "30°", "60°"])
    axes.set_title(f"Where {len(azimuths_deg)} images were taken from (equal-area map)")
    axes.legend(loc="lower right")
