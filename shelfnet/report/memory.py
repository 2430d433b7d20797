"""Figure of memory and time against the resolution of a representation, with fitted exponents."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator

from shelfnet.report.style import looks, note, panels

MEBIBYTE = 2.0**20
FITTED_POINTS = 3
QUANTITIES: Mapping[str, tuple[str, float]] = {
    "field_bytes": ("the field itself (MiB)", MEBIBYTE),
    "decode_saved_bytes": ("kept for backward, decode (MiB)", MEBIBYTE),
    "decode_seconds": ("CPU time, decode + backward (s)", 1.0),
    "seconds": ("CPU time, decode + render + backward (s)", 1.0),
}
"""Panels: column, what it is, and the unit it is drawn in."""


def draw_memory_scaling(drawn: Figure, measured: pd.DataFrame) -> None:
    """Log-log lines, one a representation, with the exponent of N, fitted over the largest resolutions, in the legend.

    Args:
        drawn: an empty figure.
        measured: ``representation, resolution, channels`` and the columns of :data:`QUANTITIES`.
    """
    if measured.empty:
        return note(drawn, "nothing was measured")
    for axes, (column, (label, unit)) in zip(panels(drawn, len(QUANTITIES), 2), QUANTITIES.items(), strict=True):
        _lines(axes, measured, column, unit)
        axes.set(xlabel="resolution N", title=label)
    return None


def fitted_exponent(resolutions: Float[np.ndarray, "n"], values: Float[np.ndarray, "n"]) -> float:
    """Slope of log value over log resolution by least squares, over the largest few resolutions.

    What does not grow with N (weights' gradients, rays) hides the asymptote at small N.
    """
    order = np.argsort(resolutions)[-FITTED_POINTS:]
    return float(np.polyfit(np.log(resolutions[order]), np.log(values[order]), 1)[0])


def _lines(axes: Axes, measured: pd.DataFrame, column: str, unit: float) -> None:
    style = looks(sorted(measured["representation"].unique(), reverse=True))
    for name, look in style.items():
        own = measured[measured["representation"] == name].sort_values("resolution")
        resolutions, values = own["resolution"].to_numpy(float), own[column].to_numpy(float)
        axes.plot(resolutions, values / unit, marker="o", markersize=4, color=look.colour, label=_label(own, column))
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    ticks = sorted(measured["resolution"].unique())
    axes.set_xticks(ticks, [str(int(tick)) for tick in ticks])
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.minorticks_off()
    axes.legend(loc="upper left")


def _label(own: pd.DataFrame, column: str) -> str:
    name = f"{own['representation'].iloc[0]}, {own['channels'].iloc[0]} channels"
    if len(own) < 2:
        return name
    exponent = fitted_exponent(own["resolution"].to_numpy(float), own[column].to_numpy(float))
    return f"{name}: $N^{{{exponent:.1f}}}$"
