"""Write ``report.html``."""

import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import yaml

from shelfnet.config.schema import Config
from shelfnet.data.discovered_views import SHEET
from shelfnet.data.shards.reader import load_evaluation_views
from shelfnet.evaluation.claims import growth_exponents, judge_claims
from shelfnet.evaluation.claims_text import CLAIMS_NOTE, claim_sentences
from shelfnet.evaluation.comparison_columns import comparison_cells
from shelfnet.evaluation.comparison_text import (
    MASK_IOU_CAVEAT,
    NO_TRUTH_SENTENCE,
    chamfer_sentences,
    silhouette_sentences,
)
from shelfnet.evaluation.results import Tables, has_truth, read_results
from shelfnet.preview.models import Submesh
from shelfnet.preview.previewer import Previewer, submesh_primitive
from shelfnet.publishing import publish_text
from shelfnet.report.captions import COLUMN_FIGURES, DATA_FIGURES, FIGURE_CAPTIONS, NEED_TRUTH
from shelfnet.report.data_uris import png_uri
from shelfnet.report.discovery import discovery_caption
from shelfnet.report.gallery import Camera, Gallery, Image, Renderers, best_methods, make_gallery
from shelfnet.report.health import check_health
from shelfnet.report.html import Page, PageFigure, render_page
from shelfnet.report.runs import Runs, each_run, evaluated_runs, read_curves, shard_paths
from shelfnet.report.shown_views import TrueMeshes, collect_shown_views
from shelfnet.report.summary import caveats, dataset_summary, provenance_summary, stage_times
from shelfnet.tracking.journal import Journal

SHOWN_VIEWS = 6
PREVIEW_PX = 320

log = logging.getLogger(__name__)


def write_report(
    *,
    config: Config,
    results: Path,
    comparison: Path,
    figures: Path,
    tables: Mapping[str, Path],
    output: Path,
    journal: Path,
) -> None:
    """Publish the results of all stages as one self-contained page.

    Args:
        config: The whole tree.
        results: Folder of the results.
        comparison: ``comparison.csv``.
        figures: Folder of the PNGs.
        tables: ``chamfer.csv`` of all seeds by ablation, in the order of columns.
        output: HTML file.
        journal: Events for the ``comparison`` run.
    """
    rows = {name: read_results(path, ablation=name) for name, path in tables.items()}
    compared = pd.read_csv(comparison)
    truth = has_truth(pd.concat(rows.values()))
    runs = evaluated_runs(config, results, rows)
    headline, findings = _headline_and_findings(compared, truth)
    exponents = growth_exponents(pd.read_csv(figures / "memory_scaling.csv"))
    claims = judge_claims(rows, config.evaluate.bootstrap_samples, config.evaluate.seed) if truth else ()
    page = Page(
        has_truth=truth,
        headline=headline,
        findings=findings,
        claims=claim_sentences(claims, exponents) if truth else [],
        claims_note=CLAIMS_NOTE,
        caveats=caveats(config, results),
        comparison=comparison_cells(compared),
        gallery=_gallery(config, results, runs, rows, best_methods(compared), truth),
        fov_deg=config.render.fov_deg,
        distance=config.render.camera_distance,
        figures=_images(figures, [name for name in FIGURE_CAPTIONS if name not in DATA_FIGURES], truth),
        data_figures=[*_images(figures, DATA_FIGURES, truth), *_discovery(config, results, truth)],
        health=check_health(rows, read_curves(runs)),
        dataset=dataset_summary(config, results),
        provenance=provenance_summary(config),
        times=stage_times(config, results, runs),
        runs=list(each_run(runs)),
        configuration=yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False),
    )
    publish_text(output, render_page(page))
    log.info("%s: %.1f MB", output, output.stat().st_size / 1e6)
    Journal(journal, run="comparison").artifact(output)


def _discovery(config: Config, results: Path, with_truth: bool) -> list[PageFigure]:
    """The picture of the discovered views, where an ablation starts from them."""
    sheet = results / "views" / SHEET
    if not sheet.is_file():
        return []
    caption = discovery_caption(sheet.parent, shard_paths(config, results), with_truth)
    return [_figure(sheet, caption)]


def _headline_and_findings(compared: pd.DataFrame, with_truth: bool) -> tuple[list[str], list[str]]:
    """Sentences of ``comparison.md``: those on top of the page, and those below the table."""
    if not with_truth:
        return [NO_TRUTH_SENTENCE, *silhouette_sentences(compared), MASK_IOU_CAVEAT], []
    headline, *findings = chamfer_sentences(compared)
    return [headline], findings


def _gallery(
    config: Config, results: Path, runs: Runs, rows: Tables, methods: Sequence[str], with_truth: bool
) -> Gallery:
    """A few test views with the meshes of the best methods, from the first run of each."""
    test = load_evaluation_views(shard_paths(config, results), "test", config.reconstruct.views_per_model)
    true_meshes = TrueMeshes(results, config.dataset.max_faces) if with_truth else None
    shown = {name: runs[name][:1] for name in methods}
    views = collect_shown_views(shown, test, true_meshes, SHOWN_VIEWS)
    tables = {name: rows[name][rows[name]["seed"] == run.seed] for name, (run,) in shown.items()}
    with Previewer(PREVIEW_PX, math.radians(config.render.fov_deg)) as previewer:

        def render_true(parts: Sequence[Submesh], camera: Camera) -> Image:
            return previewer.render_primitives([submesh_primitive(part) for part in parts], camera[None])[0]

        renderers = Renderers(previewer.render_mesh, render_true, config.render.camera_distance)
        return make_gallery(views, methods, tables, true_meshes and true_meshes.submeshes, renderers)


def _images(figures: Path, names: Sequence[str], with_truth: bool) -> list[PageFigure]:
    """Figures that were drawn, in the order of their names, without those that need a missing truth."""
    wanted = [name for name in names if with_truth or name not in NEED_TRUTH]
    found = [(figures / f"{name}.png", FIGURE_CAPTIONS[name]) for name in wanted]
    return [_figure(path, caption) for path, caption in found if path.is_file()]


def _figure(path: Path, caption: str) -> PageFigure:
    return PageFigure(png_uri(path.read_bytes()), caption, wide=path.stem not in COLUMN_FIGURES)
