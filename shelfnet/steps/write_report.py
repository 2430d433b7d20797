"""Write ``report.html``."""

import logging
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import yaml

from shelfnet.config.schema import Config
from shelfnet.data.views import load_evaluation_views
from shelfnet.evaluation.results import read_results
from shelfnet.report.captions import FIGURE_CAPTIONS
from shelfnet.report.comparison import comparison_cells
from shelfnet.report.facts import dataset_facts, notices, provenance_facts, stage_times, training_runs
from shelfnet.report.headline import headline
from shelfnet.report.health import examine
from shelfnet.report.html import MeshRow, Page, Picture, picture_uri, png_uri, render_page, write_page
from shelfnet.report.shown_views import ShownView, collect_shown_views
from shelfnet.report.sources import STAGES, TrueMeshes, read_curves
from shelfnet.report.viewer_meshes import TRUTH, viewer_row
from shelfnet.tracking.journal import Journal

SHOWN_VIEWS = 6

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
    """Gather what all stages left and publish it as one self-contained page.

    Args:
        config: the whole tree.
        results: the tree of results.
        comparison: ``comparison.csv``.
        figures: folder of the PNGs.
        tables: ``chamfer.csv`` of all seeds by ablation, in the order of columns.
        output: the HTML file.
        journal: events for the ``comparison`` run.
    """
    rows = {name: read_results(path, ablation=name) for name, path in tables.items()}
    compared = pd.read_csv(comparison)
    views = _shown_views(config, results, rows)
    stages = tuple(
        stage for stage in reversed(STAGES) if any((name, stage) in view.predictions for view in views for name in rows)
    )
    page = Page(
        headline=headline(compared),
        notices=notices(config),
        comparison=comparison_cells(compared),
        meshes=[_mesh_row(index, view, list(rows)) for index, view in enumerate(views)],
        stages=stages,
        figures=_pictures(figures),
        health=examine(rows, read_curves(results, rows)),
        dataset=dataset_facts(results),
        provenance=provenance_facts(config),
        times=stage_times(results),
        runs=training_runs(results, rows),
        configuration=yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False),
    )
    mesh_data = {
        "fov_deg": config.render.fov_deg,
        "distance": config.render.camera_distance,
        "stages": stages,
        "rows": [viewer_row(view) for view in views],
    }
    write_page(output, render_page(page, mesh_data))
    log.info("%s: %.1f MB", output, output.stat().st_size / 1e6)
    Journal(journal, run="comparison").artifact(output)


def _shown_views(config: Config, results: Path, rows: Mapping[str, pd.DataFrame]) -> list[ShownView]:
    shards = sorted((results / "renders").glob("shard-*.parquet"))
    test = load_evaluation_views(shards, "test", config.reconstruct.views_per_model)
    return collect_shown_views(results, rows, test, TrueMeshes(results, config.dataset.max_faces), SHOWN_VIEWS)


def _mesh_row(index: int, view: ShownView, ablations: list[str]) -> MeshRow:
    return MeshRow(index, view.caption, picture_uri(view.image), (TRUTH, *ablations))


def _pictures(figures: Path) -> list[Picture]:
    """Figures in the order of their captions; one that was not drawn is left out."""
    found = [(figures / f"{name}.png", caption) for name, caption in FIGURE_CAPTIONS.items()]
    return [Picture(png_uri(path.read_bytes()), caption) for path, caption in found if path.is_file()]
