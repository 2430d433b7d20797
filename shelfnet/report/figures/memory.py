"""Figure of memory and time by the resolution of each representation, with fitted exponents."""

import textwrap
from collections.abc import Mapping

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator

from shelfnet.report.figures.style import line_styles, panel_grid, show_message

MEBIBYTE = 2.0**20
FITTED_POINTS = 3
QUANTITIES: Mapping[str, tuple[str, float]] = {
    "field_bytes": ("the field itself (MiB)", MEBIBYTE),
    "decode_saved_bytes": ("kept for backward, decode (MiB)", MEBIBYTE),
    "decode_seconds": ("CPU time, decode + backward (s)", 1.0),
    "seconds": ("CPU time, decode + render + backward (s)", 1.0),
}
"""Title and unit of each panel by column."""


def draw_memory_scaling(fig: Figure, measured: pd.DataFrame) -> None:
    """Log-log lines, one per representation; the legend gives the exponent of N, fitted over the largest resolutions.

    Args:
        fig: Empty figure.
        measured: ``representation, resolution, channels`` and the columns of :data:`QUANTITIES`.
    """
    if measured.empty:
        show_message(fig, "nothing was measured")
        return
    for axes, (column, (label, unit)) in zip(panel_grid(fig, len(QUANTITIES), 4), QUANTITIES.items(), strict=True):
        _plot_quantity(axes, measured, column, unit)
        axes.set(xlabel="resolution N", title=textwrap.fill(label, 24))


def fitted_exponent(resolutions: Float[np.ndarray, "n"], values: Float[np.ndarray, "n"]) -> float:
    """Least-squares slope of log value over log resolution at the largest few resolutions.

    At small N, costs that do not grow with N (gradients of weights, rays) hide the asymptote.
    """
    order = np.argsort(resolutions)[-FITTED_POINTS:]
    return float(np.polyfit(np.log(resolutions[order]), np.log(values[order]), 1)[0])


def _plot_quantity(axes: Axes, measured: pd.DataFrame, column: str, unit: float) -> None:
    for name, style in line_styles(sorted(measured["representation"].unique(), reverse=True)).items():
        rows = measured[measured["representation"] == name].sort_values("resolution")
        resolutions, values = rows["resolution"].to_numpy(float), rows[column].to_numpy(float)
        label = f"{name}, {rows['channels'].iloc[0]} ch."
        if len(rows) > 1:
            label += f": $N^{{{fitted_exponent(resolutions, values):.1f}}}$"
        axes.plot(resolutions, values / unit, marker="o", markersize=2.5, color=style.colour, label=label)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    ticks = sorted(measured["resolution"].unique())
    axes.set_xticks(ticks, [str(int(tick)) for tick in ticks])
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.minorticks_off()
    axes.margins(y=0.3)
    axes.legend(loc="upper left", fontsize=5)
