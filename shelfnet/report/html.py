"""``report.html``: one self-contained file that needs no network."""

import base64
import re
from dataclasses import dataclass
from importlib.resources import files

import jinja2
from markupsafe import Markup, escape

from shelfnet.evaluation.comparison_columns import ComparisonCells
from shelfnet.report.gallery import Gallery
from shelfnet.report.health import AblationHealth
from shelfnet.report.runs import EvaluatedRun
from shelfnet.report.summary import DatasetSummary


@dataclass(frozen=True)
class PageFigure:
    """A figure as a data URI, with its caption; a wide one takes the whole width of the page."""

    image: str
    caption: str
    wide: bool


@dataclass(frozen=True)
class Page:
    """Everything the template shows.

    Attributes:
        has_truth: Whether the data set has true shapes.
        headline: Sentences on top of the page; the first one is the verdict.
        findings: Conclusions about each method.
        claims: Outcomes of the paper's claims; empty without true shapes.
        claims_note: How they were tested.
        caveats: Limits of the numbers.
        comparison: Comparison table.
        gallery: Test objects with their meshes.
        fov_deg: Field of view of their cameras.
        distance: Distance of their cameras from the origin.
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
    claims: list[str]
    claims_note: str
    caveats: list[str]
    comparison: ComparisonCells
    gallery: Gallery
    fov_deg: float
    distance: float
    figures: list[PageFigure]
    data_figures: list[PageFigure]
    health: list[AblationHealth]
    dataset: DatasetSummary
    provenance: list[tuple[str, str]]
    times: list[tuple[str, int, float, float]]
    runs: list[EvaluatedRun]
    configuration: str


def render_page(page: Page) -> str:
    """The page as one HTML document with its styles, scripts, images and meshes inside.

    Args:
        page: Content; every text in it is escaped.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("shelfnet.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["inline_markdown"] = inline_markdown
    environment.filters["base64"] = lambda data: base64.b64encode(data).decode("ascii")
    return environment.get_template("report.html.j2").render(
        page=page,
        style=_package_file("templates/style.css"),
        tables=_package_file("templates/tables.js"),
        gallery=_package_file("templates/gallery.js"),
        model_viewer=_package_file("vendor/model-viewer/model-viewer.min.js"),
    )


def _package_file(path: str) -> Markup:
    return Markup(files("shelfnet.report").joinpath(path).read_text(encoding="utf-8"))


def inline_markdown(text: str) -> Markup:
    """Escape a text, and render backticks as code and double asterisks as strong."""
    coded = re.sub(r"`([^`]*)`", r"<code>\1</code>", str(escape(text)))
    return Markup(re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", coded))
