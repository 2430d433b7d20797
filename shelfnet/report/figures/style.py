"""Shared style of all figures: palette, line styles, panels, and writing to files."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from shelfnet.palette import OKABE_ITO
from shelfnet.publishing import complete_file

DASHES = ("-", "--", ":", "-.")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h")
"""Their number is coprime to the number of colours, so ablations that share a colour differ in their marker."""
BASELINE_GREY = "#767676"
DPI = 300
COLUMN_IN, TEXT_IN = 3.25, 6.875
"""Widths of one column and of both columns of a conference paper; fonts are readable at these sizes."""

_RC = {
    "figure.constrained_layout.use": True,
    "font.size": 7.0,
    "axes.titlesize": 7.0,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "axes.axisbelow": True,
    "figure.labelsize": 7.0,
    "xtick.labelsize": 6.0,
    "ytick.labelsize": 6.0,
    "legend.frameon": False,
    "legend.fontsize": 6.5,
    "lines.linewidth": 1.2,
    "pdf.fonttype": 42,
}


@dataclass(frozen=True)
class LineStyle:
    """Colour, dash and marker of one ablation, the same in every figure."""

    colour: str
    dash: str
    marker: str


Styles = Mapping[str, LineStyle]
"""Styles by ablation."""


def line_styles(names: Sequence[str]) -> dict[str, LineStyle]:
    """Styles by name; once all colours are used, they repeat with the next dash."""
    return {
        name: LineStyle(
            OKABE_ITO[rank % len(OKABE_ITO)], DASHES[rank // len(OKABE_ITO) % len(DASHES)], MARKERS[rank % len(MARKERS)]
        )
        for rank, name in enumerate(names)
    }


@contextmanager
def new_figure(width_in: float, height_in: float) -> Iterator[Figure]:
    """An empty figure; draw and save it inside the ``with`` block, where the style applies."""
    with mpl.rc_context(_RC):
        yield Figure(figsize=(width_in, height_in))


def save_figure(fig: Figure, path: Path) -> None:
    """Publish a figure as a PNG at ``path`` and as a vector PDF next to it."""
    # Layout is the slow part: compute it once for both files.
    fig.draw_without_rendering()
    fig.set_layout_engine("none")
    for target in (path.with_suffix(".pdf"), path):
        # Without a creation date, the same data gives the same file.
        metadata = {"CreationDate": None} if target.suffix == ".pdf" else None
        with complete_file(target) as temporary:
            fig.savefig(temporary, dpi=DPI, format=target.suffix[1:], metadata=metadata)


@contextmanager
def figure_file(width_in: float, height_in: float, path: Path) -> Iterator[Figure]:
    """An empty figure, saved at the end of the ``with`` block."""
    with new_figure(width_in, height_in) as fig:
        yield fig
        save_figure(fig, path)


def panel_grid(fig: Figure, count: int, columns: int, **kwargs: bool | str) -> list[Axes]:
    """``count`` axes in rows of up to ``columns``; the rest of the grid stays empty."""
    columns = max(1, min(columns, count))
    rows = max(1, -(-count // columns))
    grid = fig.subplots(rows, columns, squeeze=False, **kwargs).ravel()  # pyright: ignore[reportArgumentType]
    for unused in grid[count:]:
        unused.remove()
    return list(grid[:count])


def log_scale(axis: Axis) -> None:
    """A logarithmic axis with plain numbers, and more of them if the data span less than a decade."""
    axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    low, high = axis.get_data_interval()
    axis.set_major_locator(
        LogLocator(subs=(1.0, 2.0, 5.0) if high > 10.0 * low else (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0))
    )
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def wrapped_name(name: str) -> str:
    """Name of an ablation in lines that fit above a narrow panel."""
    return name.replace("_", "_\n")


def show_message(fig: Figure, text: str) -> None:
    """Write into the middle of an empty figure why it is empty."""
    fig.text(0.5, 0.5, text, ha="center", va="center", color=BASELINE_GREY)
