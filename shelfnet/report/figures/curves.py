"""Figures over training iterations: validation curves (Figure 4 of the paper) and loss terms."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from shelfnet.config.load import UNTRAINED
from shelfnet.report.figures.style import BASELINE_GREY, LineStyle, Styles, log_scale, panel_grid, show_message
from shelfnet.report.runs import ResolutionSwitch, ResolutionSwitches

VALIDATION_CHAMFER = "validation/chamfer"
VALIDATION_MASK_IOU = "validation/mask_iou"
LOSS_PREFIX = "loss/"
MIN_POINTS_FOR_LINE = 2
SMOOTHING_WINDOW = 9
"""Logged values in the running mean of a loss."""
SWITCH_WIDTH = 1.2
DOT_SPACING = 2.65
"""Distance between dots in line widths, as in matplotlib's dotted lines."""


def draw_chamfer_curves(
    fig: Figure, curves: pd.DataFrame, levels: Mapping[str, float], styles: Styles, switches: ResolutionSwitches
) -> None:
    """Validation Chamfer distance by iteration, log scale: mean over seeds, band from the lowest to the highest seed.

    Args:
        fig: Empty figure.
        curves: ``ablation, seed, iteration, name, value``.
        levels: Mean Chamfer distance of the trivial baselines on the validation views.
        styles: Line styles by ablation, in the order of the legend.
        switches: Iterations at which training renders at a higher resolution.
    """
    rows = curves[curves["name"] == VALIDATION_CHAMFER]
    if rows.empty and not levels:
        validated = (curves["name"] == VALIDATION_MASK_IOU).any()
        text = "there are no true shapes to measure a distance to" if validated else "no run was validated"
        show_message(fig, text)
        return
    axes = _validation_axes(fig, rows, styles, switches)
    for (name, level), dash in zip(levels.items(), ("-", "--", ":", "-."), strict=False):
        axes.axhline(level, color=BASELINE_GREY, linestyle=dash, linewidth=1.0, label=name)
    axes.set(ylabel="Chamfer distance (unit sides)")
    log_scale(axes.yaxis)
    _legend_below(fig, axes)


def draw_mask_iou_curves(fig: Figure, curves: pd.DataFrame, styles: Styles, switches: ResolutionSwitches) -> None:
    """Validation mask IoU of neural renders by iteration; arguments as in :func:`draw_chamfer_curves`."""
    rows = curves[curves["name"] == VALIDATION_MASK_IOU]
    if rows.empty:
        show_message(fig, "no run was validated")
        return
    axes = _validation_axes(fig, rows, styles, switches)
    axes.set(ylabel="mask IoU of renders")
    _legend_below(fig, axes)


def draw_loss_curves(fig: Figure, curves: pd.DataFrame, styles: Styles, switches: ResolutionSwitches) -> None:
    """One panel per loss term with one line per ablation: running mean, and faintly the mean over seeds.

    Arguments as in :func:`draw_chamfer_curves`.
    """
    names = loss_names(curves)
    if not names:
        show_message(fig, "no loss was logged")
        return
    for axes, name in zip(panel_grid(fig, len(names), 3, sharex=True), names, strict=True):
        rows = curves[curves["name"] == name]
        for ablation, style in styles.items():
            _plot_smoothed(axes, rows[rows["ablation"] == ablation], ablation, style)
        _mark_switches(axes, rows, styles, switches)
        axes.set_title(name.removeprefix(LOSS_PREFIX))
        axes.margins(x=0.02)
    fig.supxlabel("iteration")
    handles = {
        label: handle for axes in fig.axes for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    fig.legend(list(handles.values()), list(handles), loc="outside upper center", ncols=6)


def loss_names(curves: pd.DataFrame) -> list[str]:
    """Sorted names of the loss terms in the curves."""
    return sorted({name for name in curves["name"] if str(name).startswith(LOSS_PREFIX)})


def _validation_axes(fig: Figure, rows: pd.DataFrame, styles: Styles, switches: ResolutionSwitches) -> Axes:
    """Curves of all ablations but ``untrained``, whose value the legend gives, because it is far off the others."""
    axes = fig.subplots()
    trained = rows[rows["ablation"] != UNTRAINED]
    for ablation, style in styles.items():
        _plot_with_band(axes, trained[trained["ablation"] == ablation], ablation, style)
    if len(trained) < len(rows):
        value = rows.loc[rows["ablation"] == UNTRAINED, "value"].astype(float).mean()
        axes.plot([], [], " ", label=f"{UNTRAINED}: {value:.2f}")
    _mark_switches(axes, trained, styles, switches)
    axes.set(xlabel="iteration")
    return axes


def _legend_below(fig: Figure, axes: Axes) -> None:
    fig.legend(
        *axes.get_legend_handles_labels(), loc="outside lower center", ncols=3, columnspacing=1.0, handlelength=1.6
    )


def _mark_switches(axes: Axes, rows: pd.DataFrame, styles: Styles, switches: ResolutionSwitches) -> None:
    """Dotted lines at resolution switches: grey if all ablations shown share one, else in the ablations' colours."""
    trained = [name for name in styles if (rows.loc[rows["ablation"] == name, "iteration"] > 0).any()]
    sharing: dict[ResolutionSwitch, list[str]] = {}
    for name in trained:
        for switch in switches.get(name, ()):
            sharing.setdefault(switch, []).append(name)
    for switch, names in sharing.items():
        colours = [BASELINE_GREY] if names == trained else [styles[name].colour for name in names]
        _plot_dotted(axes, switch.iteration, colours)
    for resolution_px in sorted({switch.resolution_px for switch in sharing}):
        label = f"{resolution_px} px from here"
        axes.plot([], [], color=BASELINE_GREY, linestyle=":", linewidth=SWITCH_WIDTH, label=label)


def _plot_dotted(axes: Axes, iteration: int, colours: Sequence[str]) -> None:
    """A vertical dotted line with alternating colours."""
    for rank, colour in enumerate(colours):
        dots = (rank * DOT_SPACING, (1.0, len(colours) * DOT_SPACING - 1.0))
        axes.axvline(iteration, color=colour, linestyle=dots, linewidth=SWITCH_WIDTH)


def _plot_with_band(axes: Axes, rows: pd.DataFrame, label: str, style: LineStyle) -> None:
    if rows.empty:
        return
    grouped = rows.astype({"value": float}).groupby("iteration")["value"]
    iterations = np.array(sorted(grouped.groups), dtype=float)
    marker = "" if len(iterations) >= MIN_POINTS_FOR_LINE else "o"
    axes.plot(iterations, grouped.mean(), color=style.colour, linestyle=style.dash, marker=marker, label=label)
    if rows["seed"].nunique() > 1:
        axes.fill_between(iterations, grouped.min(), grouped.max(), color=style.colour, alpha=0.15, linewidth=0)


def _plot_smoothed(axes: Axes, rows: pd.DataFrame, label: str, style: LineStyle) -> None:
    if rows.empty:
        return
    mean = rows.astype({"value": float}).groupby("iteration")["value"].mean()
    running = mean.rolling(SMOOTHING_WINDOW, center=True, min_periods=1).mean()
    iterations = mean.index.to_numpy(dtype=float)
    axes.plot(iterations, mean, color=style.colour, linewidth=0.6, alpha=0.25)
    axes.plot(iterations, running, color=style.colour, linestyle=style.dash, label=label)
