"""``report.html``: one file that shows everything and asks the network for nothing."""

import base64
import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from jaxtyping import UInt8
from markupsafe import Markup, escape
from PIL import Image

from shelfnet.evaluation.comparison_columns import ComparisonCells
from shelfnet.publishing import complete_file
from shelfnet.report.facts import DatasetFacts, TrainingRun
from shelfnet.report.health import Health


@dataclass(frozen=True)
class PageFigure:
    """A figure: a data URI and what it shows."""

    image: str
    caption: str


@dataclass(frozen=True)
class MeshRow:
    """One test view in the viewer.

    Attributes:
        index: of its meshes in the viewer's data.
        caption: of the object.
        image: input, a data URI.
        names: truth and ablations, in the order of the canvases.
    """

    index: int
    caption: str
    image: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Page:
    """Everything the template shows.

    Attributes:
        has_truth: whether numbers and meshes have a truth beside them.
        headline: what leads, and what must be known with it.
        findings: what the comparison says of each method.
        notices: what else must be known.
        comparison: the table.
        meshes: test views of the viewer.
        stages: that it shows.
        seeds: that it shows.
        seeds_left_out: how many more there are.
        figures: of the results.
        data_figures: of the data.
        health: of each ablation.
        dataset: numbers of models and bytes.
        provenance: code, seeds and machine.
        times: of the workflow's stages: jobs, hours, largest memory in MB.
        runs: what was trained.
        configuration: the whole tree as YAML.
    """

    has_truth: bool
    headline: list[str]
    findings: list[str]
    notices: list[str]
    comparison: ComparisonCells
    meshes: list[MeshRow]
    stages: tuple[str, ...]
    seeds: tuple[int, ...]
    seeds_left_out: int
    figures: list[PageFigure]
    data_figures: list[PageFigure]
    health: list[Health]
    dataset: DatasetFacts
    provenance: list[tuple[str, str]]
    times: list[tuple[str, int, float, float]]
    runs: list[TrainingRun]
    configuration: str


def render_page(page: Page, mesh_data: Mapping[str, Any]) -> str:
    """The page as one HTML document with its styles, scripts, images and meshes inside.

    Args:
        page: what to show; every text in it is escaped.
        mesh_data: ``fov_deg, distance, stages, runs, rows`` for ``viewer.js``.
    """
    loader = jinja2.PackageLoader("shelfnet.report", "templates")
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )

    environment.filters["inline_markdown"] = inline_markdown

    def own(name: str) -> Markup:
        return Markup(loader.get_source(environment, name)[0])

    return environment.get_template("report.html.j2").render(
        page=page,
        style=own("style.css"),
        viewer=own("viewer.js"),
        tables=own("tables.js"),
        # "<" could end the script element that holds the data.
        mesh_data=Markup(json.dumps(mesh_data, separators=(",", ":")).replace("<", "\\u003c")),
    )


def inline_markdown(text: str) -> Markup:
    """The text, escaped, with what stands in backticks as code and what stands in double asterisks as strong."""
    coded = re.sub(r"`([^`]*)`", r"<code>\1</code>", str(escape(text)))
    return Markup(re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", coded))


def write_page(path: Path, html: str) -> None:
    """Publish the document."""
    with complete_file(path) as temporary:
        temporary.write_text(html, encoding="utf-8")


def image_uri(rgba: UInt8[np.ndarray, "h w 4"]) -> str:
    """Pixels as a data URI of a PNG."""
    stream = io.BytesIO()
    Image.fromarray(rgba).save(stream, "png", optimize=True)
    return png_uri(stream.getvalue())


def png_uri(png: bytes) -> str:
    """A PNG as a data URI."""
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"
