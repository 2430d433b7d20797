"""Write ``report.html``."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import yaml

from shelfnet.config.schema import Config
from shelfnet.data.discovered_views import SHEET
from shelfnet.data.shards.reader import load_evaluation_views
from shelfnet.evaluation.comparison import STAGES
from shelfnet.evaluation.comparison_columns import comparison_cells
from shelfnet.evaluation.comparison_text import (
    MASK_IOU_CAVEAT,
    NO_TRUTH_SENTENCE,
    chamfer_sentences,
    silhouette_sentences,
)
from shelfnet.evaluation.results import has_truth, read_results
from shelfnet.report.captions import DATA_FIGURES, FIGURE_CAPTIONS, NEED_TRUTH
from shelfnet.report.discovery import discovery_caption
from shelfnet.report.health import check_health
from shelfnet.report.html import MeshRow, Page, PageFigure, image_uri, png_uri, render_page, write_page
from shelfnet.report.runs import Runs, each_run, evaluated_runs, read_curves, shard_paths
from shelfnet.report.shown_views import ShownView, TrueMeshes, collect_shown_views
from shelfnet.report.summary import caveats, dataset_summary, provenance_summary, stage_times
from shelfnet.report.viewer_meshes import TRUTH, viewer_row
from shelfnet.tracking.journal import Journal

SHOWN_VIEWS = 6
SHOWN_RUNS = 3
"""Largest number of seeds with meshes in the viewer."""

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
    all_seeds = [run.seed for run in max(runs.values(), key=len)]
    shown = [_shown_views(config, results, runs, truth, run) for run in range(min(len(all_seeds), SHOWN_RUNS))]
    views = shown[0]
    stages = tuple(
        stage for stage in reversed(STAGES) if any((name, stage) in view.predictions for view in views for name in rows)
    )
    headline, findings = _headline_and_findings(compared, truth)
    page = Page(
        has_truth=truth,
        headline=headline,
        findings=findings,
        caveats=caveats(config, results),
        comparison=comparison_cells(compared),
        meshes=[_mesh_row(index, view, list(rows)) for index, view in enumerate(views)],
        stages=stages,
        seeds=tuple(all_seeds[:SHOWN_RUNS]),
        seeds_left_out=max(len(all_seeds) - SHOWN_RUNS, 0),
        figures=_images(figures, [name for name in FIGURE_CAPTIONS if name not in DATA_FIGURES], truth),
        data_figures=[*_images(figures, DATA_FIGURES, truth), *_discovery(config, results, truth)],
        health=check_health(rows, read_curves(runs)),
        dataset=dataset_summary(config, results),
        provenance=provenance_summary(config),
        times=stage_times(config, results, runs),
        runs=list(each_run(runs)),
        configuration=yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False),
    )
    mesh_data = {
        "fov_deg": config.render.fov_deg,
        "distance": config.render.camera_distance,
        "stages": stages,
        "runs": {name: min(len(own), SHOWN_RUNS) for name, own in runs.items()},
        "rows": [viewer_row(of_runs) for of_runs in zip(*shown, strict=True)],
    }
    write_page(output, render_page(page, mesh_data))
    log.info("%s: %.1f MB", output, output.stat().st_size / 1e6)
    Journal(journal, run="comparison").artifact(output)


def _discovery(config: Config, results: Path, with_truth: bool) -> list[PageFigure]:
    """The picture of the discovered views, where an ablation starts from them."""
    sheet = results / "views" / SHEET
    if not sheet.is_file():
        return []
    caption = discovery_caption(sheet.parent, shard_paths(config, results), with_truth)
    return [PageFigure(png_uri(sheet.read_bytes()), caption)]


def _headline_and_findings(compared: pd.DataFrame, with_truth: bool) -> tuple[list[str], list[str]]:
    """Sentences of ``comparison.md``: those on top of the page, and those below the table."""
    if not with_truth:
        return [NO_TRUTH_SENTENCE, *silhouette_sentences(compared), MASK_IOU_CAVEAT], []
    headline, *findings = chamfer_sentences(compared)
    return [headline], findings


def _shown_views(config: Config, results: Path, runs: Runs, with_truth: bool, run: int) -> list[ShownView]:
    test = load_evaluation_views(shard_paths(config, results), "test", config.reconstruct.views_per_model)
    truth = TrueMeshes(results, config.dataset.max_faces) if with_truth else None
    return collect_shown_views(runs, test, truth, SHOWN_VIEWS, run)


def _mesh_row(index: int, view: ShownView, ablations: list[str]) -> MeshRow:
    names = ablations if view.truth is None else [TRUTH, *ablations]
    return MeshRow(index, view.caption, image_uri(view.image), tuple(names))


def _images(figures: Path, names: Sequence[str], with_truth: bool) -> list[PageFigure]:
    """Figures that were drawn, in the order of their names, without those that need a missing truth."""
    wanted = [name for name in names if with_truth or name not in NEED_TRUTH]
    found = [(figures / f"{name}.png", FIGURE_CAPTIONS[name]) for name in wanted]
    return [PageFigure(png_uri(path.read_bytes()), caption) for path, caption in found if path.is_file()]
