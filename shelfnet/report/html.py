"""``report.html``: one self-contained file that needs no network."""

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
from shelfnet.report.health import AblationHealth
from shelfnet.report.runs import EvaluatedRun
from shelfnet.report.summary import DatasetSummary


@dataclass(frozen=True)
class PageFigure:
    """A figure as a data URI, with its caption."""

    image: str
    caption: str


@dataclass(frozen=True)
class MeshRow:
    """One test view in the viewer.

    Attributes:
        index: Index of its meshes in the viewer's data.
        caption: Caption of the object.
        image: Input image as a data URI.
        names: Truth and ablations, in the order of the canvases.
    """

    index: int
    caption: str
    image: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Page:
    """Everything the template shows.

    Attributes:
        has_truth: Whether the data set has true shapes.
        headline: Sentences on top of the page.
        findings: Conclusions about each method.
        caveats: Limits of the numbers.
        comparison: Comparison table.
        meshes: Test views in the viewer.
        stages: Stages in the viewer.
        seeds: Seeds in the viewer.
        seeds_left_out: Number of seeds that the viewer leaves out.
        figures: Figures of the results.
        data_figures: Figures of the data set.
        health: Health of each ablation.
        dataset: Summary of the data set.
        provenance: Code, seeds and machine.
        times: Stage, number of jobs, hours and peak memory in MB.
        runs: Trained models.
        configuration: The whole configuration as YAML.
    """

    has_truth: bool
    headline: list[str]
    findings: list[str]
    caveats: list[str]
    comparison: ComparisonCells
    meshes: list[MeshRow]
    stages: tuple[str, ...]
    seeds: tuple[int, ...]
    seeds_left_out: int
    figures: list[PageFigure]
    data_figures: list[PageFigure]
    health: list[AblationHealth]
    dataset: DatasetSummary
    provenance: list[tuple[str, str]]
    times: list[tuple[str, int, float, float]]
    runs: list[EvaluatedRun]
    configuration: str


def render_page(page: Page, mesh_data: Mapping[str, Any]) -> str:
    """The page as one HTML document with its styles, scripts, images and meshes inside.

    Args:
        page: Content; every text in it is escaped.
        mesh_data: ``fov_deg, distance, stages, runs, rows`` for ``viewer.js``.
    """
    loader = jinja2.PackageLoader("shelfnet.report", "templates")
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )

    environment.filters["inline_markdown"] = inline_markdown

    def template_file(name: str) -> Markup:
        return Markup(loader.get_source(environment, name)[0])

    return environment.get_template("report.html.j2").render(
        page=page,
        style=template_file("style.css"),
        viewer=template_file("viewer.js"),
        tables=template_file("tables.js"),
        # An unescaped "<" could end the script element around the data.
        mesh_data=Markup(json.dumps(mesh_data, separators=(",", ":")).replace("<", "\\u003c")),
    )


def inline_markdown(text: str) -> Markup:
    """Escape a text, and render backticks as code and double asterisks as strong."""
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
