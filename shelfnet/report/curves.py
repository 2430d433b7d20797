"""Figures over training iterations: the validation curve (the paper's figure 4) and every loss term."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from shelfnet.report.render_switches import RenderSwitch, Switches
from shelfnet.report.style import BASELINE_GREY, Look, log_scale, note, panels

VALIDATION = "validation/chamfer"
VALIDATION_MASK_IOU = "validation/mask_iou"
LOSS_PREFIX = "loss/"
MIN_POINTS_FOR_LINE = 2
FAR_ABOVE = 3.0
SMOOTHED_OVER = 9
"""Logged values around each, over which a loss is averaged."""
SWITCH_WIDTH = 1.2
DOT_SPACING = 2.65
"""From dot to dot, in widths of the line, as in matplotlib's dotted lines."""


def draw_chamfer_curves(
    drawn: Figure, curves: pd.DataFrame, levels: Mapping[str, float], style: Mapping[str, Look], switches: Switches
) -> None:
    """Validation Chamfer distance by iteration, log scale: mean over seeds, band from the lowest to the highest seed.

    Args:
        drawn: an empty figure.
        curves: ``ablation, seed, iteration, name, value``.
        levels: mean Chamfer distance of the trivial rows, measured as the curves are.
        style: looks by ablation, in the order of the legend.
        switches: where the renders that training sees change their size.
    """
    own = curves[curves["name"] == VALIDATION]
    if own.empty and not levels:
        any_other = (curves["name"] == VALIDATION_MASK_IOU).any()
        return note(drawn, "there are no true shapes to measure a distance to" if any_other else "no run was validated")
    beyond = _beyond_scale(own, levels)
    axes = _validation_axes(drawn, own[~own["ablation"].isin(beyond)], style, switches)
    for (name, level), dash in zip(levels.items(), ("-", "--", ":", "-."), strict=False):
        axes.axhline(level, color=BASELINE_GREY, linestyle=dash, linewidth=1.0, label=name)
    axes.set(ylabel="Chamfer distance (unit sides)")
    for name, value in beyond.items():
        axes.plot([], [], "^", color=style[name].colour, label=f"{name}: {value:.2f}, beyond the scale")
    log_scale(axes.yaxis)
    drawn.legend(*axes.get_legend_handles_labels(), loc="outside right upper")
    return None


def draw_mask_iou_curves(drawn: Figure, curves: pd.DataFrame, style: Mapping[str, Look], switches: Switches) -> None:
    """Validation mask IoU of neural renders by iteration, drawn as the Chamfer distance is.

    Args:
        drawn: an empty figure.
        curves: ``ablation, seed, iteration, name, value``.
        style: looks by ablation, in the order of the legend.
        switches: where the renders that training sees change their size.
    """
    own = curves[curves["name"] == VALIDATION_MASK_IOU]
    if own.empty:
        return note(drawn, "no run was validated")
    axes = _validation_axes(drawn, own, style, switches)
    axes.set(ylabel="mask IoU of renders")
    drawn.legend(*axes.get_legend_handles_labels(), loc="outside right upper")
    return None


def draw_loss_curves(drawn: Figure, curves: pd.DataFrame, style: Mapping[str, Look], switches: Switches) -> None:
    """Every loss term in a panel of its own, one line an ablation: the running mean; faint, the mean over seeds.

    Args:
        drawn: an empty figure.
        curves: ``ablation, seed, iteration, name, value``.
        style: looks by ablation, in the order of the legend.
        switches: where the renders change their size.
    """
    names = loss_names(curves)
    if not names:
        return note(drawn, "no loss was logged")
    for axes, name in zip(panels(drawn, len(names), 3, sharex=True), names, strict=True):
        own = curves[curves["name"] == name]
        for ablation, look in style.items():
            _smoothed(axes, own[own["ablation"] == ablation], ablation, look)
        _mark_switches(axes, own, style, switches)
        axes.set_title(name.removeprefix(LOSS_PREFIX))
        axes.margins(x=0.02)
    drawn.supxlabel("iteration", fontsize=9)
    handles = {
        label: handle for axes in drawn.axes for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    drawn.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=6)
    return None


def loss_names(curves: pd.DataFrame) -> list[str]:
    """Sorted names of the loss terms in the curves."""
    return sorted({name for name in curves["name"] if str(name).startswith(LOSS_PREFIX)})


def _validation_axes(drawn: Figure, own: pd.DataFrame, style: Mapping[str, Look], switches: Switches) -> Axes:
    """One line an ablation over iterations."""
    axes = drawn.subplots()
    for ablation, look in style.items():
        _band(axes, own[own["ablation"] == ablation], ablation, look)
    _mark_switches(axes, own, style, switches)
    axes.set(xlabel="iteration", title="Validation during training")
    return axes


def _mark_switches(axes: Axes, own: pd.DataFrame, style: Mapping[str, Look], switches: Switches) -> None:
    """A dotted line where renders change their size: grey where all that are shown do, else in the colours of those."""
    trained = [name for name in style if (own.loc[own["ablation"] == name, "iteration"] > 0).any()]
    sharing: dict[RenderSwitch, list[str]] = {}
    for name in trained:
        for switch in switches.get(name, ()):
            sharing.setdefault(switch, []).append(name)
    for switch, names in sharing.items():
        colours = [BASELINE_GREY] if names == trained else [style[name].colour for name in names]
        _dot_line(axes, switch.iteration, colours)
    for resolution_px in sorted({switch.resolution_px for switch in sharing}):
        label = f"renders of {resolution_px} pixels from here"
        axes.plot([], [], color=BASELINE_GREY, linestyle=":", linewidth=SWITCH_WIDTH, label=label)


def _dot_line(axes: Axes, iteration: int, colours: Sequence[str]) -> None:
    """A vertical line of dots that take turns in their colours."""
    for turn, colour in enumerate(colours):
        dots = (turn * DOT_SPACING, (1.0, len(colours) * DOT_SPACING - 1.0))
        axes.axvline(iteration, color=colour, linestyle=dots, linewidth=SWITCH_WIDTH)


def _beyond_scale(own: pd.DataFrame, levels: Mapping[str, float]) -> dict[str, float]:
    """Mean of every ablation measured once and far above all curves and levels: drawn, it would press them flat."""
    values = own.astype({"value": float}).groupby("ablation")["value"]
    measured = own.groupby("ablation")["iteration"].nunique()
    shown = [*values.max()[measured >= MIN_POINTS_FOR_LINE], *levels.values()]
    if not shown:
        return {}
    once = values.mean()[measured < MIN_POINTS_FOR_LINE]
    return {str(name): float(value) for name, value in once.items() if value > FAR_ABOVE * max(shown)}


def _band(axes: Axes, rows: pd.DataFrame, label: str, look: Look) -> None:
    if rows.empty:
        return
    grouped = rows.astype({"value": float}).groupby("iteration")["value"]
    iterations = np.array(sorted(grouped.groups), dtype=float)
    marker = "" if len(iterations) >= MIN_POINTS_FOR_LINE else "o"
    axes.plot(iterations, grouped.mean(), color=look.colour, linestyle=look.dash, marker=marker, label=label)
    if rows["seed"].nunique() > 1:
        axes.fill_between(iterations, grouped.min(), grouped.max(), color=look.colour, alpha=0.15, linewidth=0)


def _smoothed(axes: Axes, rows: pd.DataFrame, label: str, look: Look) -> None:
    if rows.empty:
        return
    mean = rows.astype({"value": float}).groupby("iteration")["value"].mean()
    running = mean.rolling(SMOOTHED_OVER, center=True, min_periods=1).mean()
    iterations = mean.index.to_numpy(dtype=float)
    axes.plot(iterations, mean, color=look.colour, linewidth=0.6, alpha=0.25)
    axes.plot(iterations, running, color=look.colour, linestyle=look.dash, label=label)
