"""Figures made of images: reconstructions of test views (Figure 2 of the paper) and a contact sheet."""

import textwrap
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import trimesh
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from shelfnet.data.glb import read_glb
from shelfnet.evaluation.comparison import STAGES
from shelfnet.geometry.cameras import camera_from_degrees
from shelfnet.report.figures.style import TEXT_IN, panel_grid, show_message, wrapped_name
from shelfnet.report.shown_views import PredictedMesh, ShownView

NOVEL_TURNS_DEG = (100.0, 220.0)
"""Azimuths of the novel views, relative to the predicted view."""
NOVEL_ELEVATION_DEG = 20.0
MAX_CELL_IN, LABELS_IN, TITLES_IN = 1.0, 0.6, 0.3
GROUND = np.array([0xF3, 0xF3, 0xF1]) / 255.0
"""Background of meshes, as in the report's viewer: on white, surfaces that are nearly white look like holes."""
MARGIN = 1.06
"""Side of a cropped image relative to the largest object among the cells of one test view."""
_TURNS_DEG = (None, *NOVEL_TURNS_DEG)
"""Rows of a stage: the predicted view, then the novel views."""
_ROWS = tuple((stage, turn_deg) for stage in STAGES for turn_deg in _TURNS_DEG)
_ROW_LABEL: dict[str, Any] = {"ha": "right", "va": "center", "fontsize": 5, "color": "#555555", "zorder": 3}

Render = Callable[[trimesh.Trimesh, Float[np.ndarray, "4 4"]], UInt8[np.ndarray, "h w 4"]]
"""Renders a mesh from an OpenCV camera."""


def draw_reconstructions(
    fig: Figure, views: Sequence[ShownView], ablations: Sequence[str], render: Render, distance: float
) -> None:
    """Input, every ablation and truth (if known); each test view has rows for both stages.

    A prediction is rendered from its own predicted view, so that a wrong pose affects the silhouette as little as
    possible; the novel views show what the input image does not.

    Args:
        fig: Empty figure of size :func:`reconstructions_size_in`.
        views: Test views.
        ablations: Columns between input and truth; ablations without any surface are left out.
        render: Renders a mesh.
        distance: Distance of the cameras from the origin.
    """
    if not views:
        show_message(fig, "no test view was reconstructed")
        return
    ablations = with_surface(views, ablations)
    blocks = np.split(_cells(fig, column_titles(views, ablations), len(_ROWS) * len(views)), len(views))
    for block, view in zip(blocks, views, strict=True):
        _show(block[0, 0], view.image)
        _rule_above(fig, block[0, 0])
        for line, (stage, turn_deg) in zip(block, _ROWS, strict=True):
            label = f"{stage}\n{'predicted view' if turn_deg is None else f'novel, {turn_deg:+.0f}°'}"
            line[0].text(-0.06, 0.5, label, **_ROW_LABEL, transform=line[0].transAxes)
            for axes, ablation in zip(line[1:], ablations, strict=False):
                _show_prediction(axes, view.predictions.get((ablation, stage)), turn_deg, render, distance)
        for line, turn_deg in zip(block, _TURNS_DEG, strict=False):
            if view.truth is not None:
                _show(line[-1], render(view.truth, _camera(view.azimuth_deg, view.elevation_deg, turn_deg, distance)))
        _crop_to_content(list(block.ravel()))


def _cells(fig: Figure, titles: Sequence[str], n_rows: int) -> np.ndarray:
    """Blank axes close to one another, one row per image row, with titles on top."""
    fig.set_layout_engine("none")
    width_in, height_in = fig.get_size_inches()
    spacing = {"left": LABELS_IN / width_in, "right": 1.0, "bottom": 0.0, "top": 1.0 - TITLES_IN / height_in}
    spacing |= {"wspace": 0.02, "hspace": 0.02}
    grid = fig.subplots(n_rows, len(titles), squeeze=False, gridspec_kw=spacing)
    for axes in grid.ravel():
        _blank(axes)
    for axes, title in zip(grid[0], titles, strict=True):
        axes.set_title(wrapped_name(title), fontsize=6, loc="center")
    return grid


def column_titles(views: Sequence[ShownView], ablations: Sequence[str]) -> list[str]:
    """Input, every ablation with a surface, and truth if any view has one."""
    truth = ["truth"] if any(view.truth is not None for view in views) else []
    return ["input", *with_surface(views, ablations), *truth]


def with_surface(views: Sequence[ShownView], ablations: Sequence[str]) -> list[str]:
    """Ablations with a mesh of at least one view."""
    return [name for name in ablations if any(key[0] == name for view in views for key in view.predictions)]


def reconstructions_size_in(views: Sequence[ShownView], ablations: Sequence[str]) -> tuple[float, float]:
    """Width and height of the figure in inches."""
    columns, rows = len(column_titles(views, ablations)), len(_ROWS) * max(len(views), 1)
    cell_in = min(MAX_CELL_IN, (TEXT_IN - LABELS_IN) / columns)
    return cell_in * columns + LABELS_IN, cell_in * rows + TITLES_IN


def draw_contact_sheet(fig: Figure, images: Sequence[UInt8[np.ndarray, "h w 4"]], captions: Sequence[str]) -> None:
    """Images with their captions below."""
    if not images:
        show_message(fig, "no image was rendered")
        return
    for axes, image, caption in zip(panel_grid(fig, len(images), 6), images, captions, strict=True):
        _blank(axes)
        _show(axes, image)
        axes.set_xlabel("\n".join(textwrap.wrap(caption, 26)), fontsize=5)


def _show_prediction(
    axes: Axes, prediction: PredictedMesh | None, turn_deg: float | None, render: Render, distance: float
) -> None:
    if prediction is None:
        axes.text(0.5, 0.5, "empty", ha="center", va="center", fontsize=6, color="#999999", transform=axes.transAxes)
        return
    camera = _camera(prediction.azimuth_deg, prediction.elevation_deg, turn_deg, distance)
    _show(axes, render(read_glb(prediction.path), camera))


def _camera(
    azimuth_deg: float, elevation_deg: float, turn_deg: float | None, distance: float
) -> Float[np.ndarray, "4 4"]:
    """Camera at the view itself, or at a novel view rotated by ``turn_deg``."""
    angles_deg = (azimuth_deg, elevation_deg) if turn_deg is None else (azimuth_deg + turn_deg, NOVEL_ELEVATION_DEG)
    return camera_from_degrees(*angles_deg, distance)


def _rule_above(fig: Figure, axes: Axes) -> None:
    """Draw a thin line across the figure at the upper edge of an axes."""
    height = axes.get_position().y1
    fig.add_artist(Line2D([0.0, 1.0], [height, height], color="#cccccc", linewidth=0.6))


def _blank(axes: Axes) -> None:
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _crop_to_content(cells: Sequence[Axes]) -> None:
    """Crop all cells to the smallest centred square that contains the content of every cell."""
    shown = [np.asarray(cell.images[0].get_array()) for cell in cells if cell.images]
    extent = min(1.0, MARGIN * max((_content_extent(pixels) for pixels in shown), default=1.0))
    for cell in cells:
        for image in cell.images:
            left, right, bottom, top = image.get_extent()
            cell.set_xlim(*_scaled(left, right, extent))
            cell.set_ylim(*_scaled(bottom, top, extent))


def _content_extent(pixels: Float[np.ndarray, "h w 3"]) -> float:
    """Largest distance of a pixel that is not background from the middle, in half-sides."""
    places = np.argwhere(np.abs(pixels - GROUND).max(axis=-1) > 1.0 / 255.0)
    half = np.array(pixels.shape[:2]) / 2
    return float(((np.abs(places + 0.5 - half) + 0.5) / half).max(initial=0.1))


def _scaled(low: float, high: float, factor: float) -> tuple[float, float]:
    """Ends of an interval scaled about its middle."""
    middle, half = (low + high) / 2, (high - low) / 2
    return middle - factor * half, middle + factor * half


def _show(axes: Axes, rgba: UInt8[np.ndarray, "h w 4"]) -> None:
    """Show an image over a light background."""
    alpha = rgba[..., 3:] / 255.0
    axes.imshow(rgba[..., :3] / 255.0 * alpha + GROUND * (1.0 - alpha), interpolation="antialiased")
