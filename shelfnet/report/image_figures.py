"""Figures made of images: reconstructions of test views (the paper's figure 2), and a sheet of the data."""

import textwrap
from collections.abc import Callable, Sequence

import numpy as np
import torch
import trimesh
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from shelfnet.evaluation.comparison import STAGES
from shelfnet.geometry.cameras import look_at_origin
from shelfnet.report.shown_views import PredictedMesh, ShownView
from shelfnet.report.sources import load_mesh
from shelfnet.report.style import note, panels

NOVEL_TURNS_DEG = (100.0, 220.0)
"""The novel views are the same camera, these much further around the object."""
NOVEL_ELEVATION_DEG = 20.0
CELL_IN, LABELS_IN, TITLES_IN = 1.0, 0.85, 0.3
GROUND = np.array([0xF3, 0xF3, 0xF1]) / 255.0
"""Behind meshes, as in the report's viewer: on white, what is nearly white looks like a hole."""
MARGIN = 1.06
"""Room around the largest object of a block of cells, whose images are all cut to one size."""
_TURNS_DEG = (None, *NOVEL_TURNS_DEG)
"""Of the rows of a stage: as predicted, then the novel views."""
_ROWS = tuple((stage, turn_deg) for stage in STAGES for turn_deg in _TURNS_DEG)
_ROW_LABEL = {"ha": "right", "va": "center", "fontsize": 6, "color": "#555555", "zorder": 3}

Render = Callable[[trimesh.Trimesh, Float[np.ndarray, "4 4"]], UInt8[np.ndarray, "h w 4"]]
"""An image of a mesh from an OpenCV camera."""


def draw_reconstructions(
    drawn: Figure, views: Sequence[ShownView], ablations: Sequence[str], render: Render, distance: float
) -> None:
    """Input, every ablation and truth (where known): for each test view the rows of both stages.

    A prediction is shown from the view that was predicted with it, so that a wrong pose shows in its silhouette no
    more than it has to; the novel views show what the input image does not.

    Args:
        drawn: an empty figure of :func:`reconstructions_size_in`.
        views: test views.
        ablations: columns between input and truth; those without any surface are left out.
        render: draws meshes.
        distance: of the cameras from the origin.
    """
    if not views:
        return note(drawn, "no test view was reconstructed")
    drawn.set_layout_engine("none")
    width_in, height_in = drawn.get_size_inches()
    spacing = {"left": LABELS_IN / width_in, "right": 1.0, "bottom": 0.0, "top": 1.0 - TITLES_IN / height_in}
    ablations = with_surface(views, ablations)
    columns = column_titles(views, ablations)
    shape = (len(_ROWS) * len(views), len(columns))
    grid = drawn.subplots(*shape, squeeze=False, gridspec_kw={**spacing, "wspace": 0.02, "hspace": 0.02})
    for axes in grid.ravel():
        _blank(axes)
    for axes, title in zip(grid[0], columns, strict=True):
        axes.set_title(title, fontsize=7, loc="center")
    blocks = np.split(grid, len(views))
    for block, view in zip(blocks, views, strict=True):
        _show(block[0, 0], view.image)
        _rule_above(drawn, block[0, 0])
        for line, (stage, turn_deg) in zip(block, _ROWS, strict=True):
            label = f"{stage}\n{'predicted view' if turn_deg is None else f'novel, {turn_deg:+.0f}°'}"
            line[0].text(-0.06, 0.5, label, **_ROW_LABEL, transform=line[0].transAxes)
            for axes, ablation in zip(line[1:], ablations, strict=False):
                _show_prediction(axes, view.predictions.get((ablation, stage)), turn_deg, render, distance)
        for line, turn_deg in zip(block, _TURNS_DEG, strict=False):
            if view.truth is not None:
                _show(line[-1], render(view.truth, _camera(view.azimuth_deg, view.elevation_deg, turn_deg, distance)))
        _cut_to_content(list(block.ravel()))
    return None


def column_titles(views: Sequence[ShownView], ablations: Sequence[str]) -> list[str]:
    """Input, every ablation that has a surface, and truth where any view has one."""
    return [
        "input",
        *with_surface(views, ablations),
        *(["truth"] if any(view.truth is not None for view in views) else []),
    ]


def with_surface(views: Sequence[ShownView], ablations: Sequence[str]) -> list[str]:
    """Ablations with a prediction to show of any of the views."""
    return [name for name in ablations if any(key[0] == name for view in views for key in view.predictions)]


def reconstructions_size_in(views: Sequence[ShownView], ablations: Sequence[str]) -> tuple[float, float]:
    """Width and height of the figure in inches."""
    columns, rows = len(column_titles(views, ablations)), len(_ROWS) * max(len(views), 1)
    return CELL_IN * columns + LABELS_IN, CELL_IN * rows + TITLES_IN


def draw_contact_sheet(drawn: Figure, images: Sequence[UInt8[np.ndarray, "h w 4"]], captions: Sequence[str]) -> None:
    """Images with their captions below."""
    if not images:
        return note(drawn, "no image was rendered")
    for axes, image, caption in zip(panels(drawn, len(images), 6), images, captions, strict=True):
        _blank(axes)
        _show(axes, image)
        axes.set_xlabel("\n".join(textwrap.wrap(caption, 26)), fontsize=6)
    return None


def _show_prediction(
    axes: Axes, prediction: PredictedMesh | None, turn_deg: float | None, render: Render, distance: float
) -> None:
    if prediction is None:
        axes.text(0.5, 0.5, "empty", ha="center", va="center", fontsize=6, color="#999999", transform=axes.transAxes)
        return
    camera = _camera(prediction.azimuth_deg, prediction.elevation_deg, turn_deg, distance)
    _show(axes, render(load_mesh(prediction.path), camera))


def _camera(
    azimuth_deg: float, elevation_deg: float, turn_deg: float | None, distance: float
) -> Float[np.ndarray, "4 4"]:
    """The view itself, or a novel one that is turned away from it."""
    angles_deg = (azimuth_deg, elevation_deg) if turn_deg is None else (azimuth_deg + turn_deg, NOVEL_ELEVATION_DEG)
    azimuth, elevation = torch.deg2rad(torch.tensor(angles_deg, dtype=torch.float64))
    return look_at_origin(azimuth, elevation, distance).numpy()


def _rule_above(drawn: Figure, axes: Axes) -> None:
    """A thin line across the figure at the upper edge of an axes."""
    height = axes.get_position().y1
    drawn.add_artist(Line2D([0.0, 1.0], [height, height], color="#cccccc", linewidth=0.6))


def _blank(axes: Axes) -> None:
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _cut_to_content(cells: Sequence[Axes]) -> None:
    """All cells to the one square about the middle that holds what any of them shows."""
    shown = [np.asarray(cell.images[0].get_array()) for cell in cells if cell.images]
    reach = min(1.0, MARGIN * max((_reach(pixels) for pixels in shown), default=1.0))
    for cell in cells:
        for image in cell.images:
            left, right, bottom, top = image.get_extent()
            cell.set_xlim(*_shrunk(left, right, reach))
            cell.set_ylim(*_shrunk(bottom, top, reach))


def _reach(pixels: Float[np.ndarray, "h w 3"]) -> float:
    """How far from the middle anything lies that is not ground, in half-sides."""
    places = np.argwhere(np.abs(pixels - GROUND).max(axis=-1) > 1.0 / 255.0)
    half = np.array(pixels.shape[:2]) / 2
    return float(((np.abs(places + 0.5 - half) + 0.5) / half).max(initial=0.1))


def _shrunk(low: float, high: float, factor: float) -> tuple[float, float]:
    middle, half = (low + high) / 2, (high - low) / 2
    return middle - factor * half, middle + factor * half


def _show(axes: Axes, rgba: UInt8[np.ndarray, "h w 4"]) -> None:
    """The image over a light ground."""
    alpha = rgba[..., 3:] / 255.0
    axes.imshow(rgba[..., :3] / 255.0 * alpha + GROUND * (1.0 - alpha), interpolation="antialiased")
