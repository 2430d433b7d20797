"""Draw test images beside the meshes that every ablation predicts from them, and beside the true meshes."""

import math
from collections.abc import Mapping
from pathlib import Path

from shelfnet.config.schema import Config
from shelfnet.data.shards.reader import load_evaluation_views
from shelfnet.evaluation.results import has_truth, read_results
from shelfnet.preview.previewer import Previewer
from shelfnet.report.figures.images import draw_reconstructions as draw
from shelfnet.report.figures.images import reconstructions_size_in
from shelfnet.report.figures.style import figure_file
from shelfnet.report.runs import evaluated_runs, shard_paths
from shelfnet.report.shown_views import TrueMeshes, collect_shown_views
from shelfnet.tracking.journal import Journal

SHOWN_VIEWS = 3
CELL_PX = 160


def draw_reconstructions(
    *, config: Config, results: Path, tables: Mapping[str, Path], baselines: Path, output: Path, journal: Path
) -> None:
    """Write the figure as a PNG and as a PDF.

    Args:
        config: The whole tree.
        results: Folder of the results.
        tables: ``chamfer.csv`` of all seeds by ablation, in the order of the columns.
        baselines: ``chamfer.csv`` of the trivial baselines.
        output: PNG file; the PDF is written beside it.
        journal: Events for the ``comparison`` run.
    """
    runs = evaluated_runs(config, results, {name: read_results(path, ablation=name) for name, path in tables.items()})
    test = load_evaluation_views(shard_paths(config, results), "test", config.reconstruct.views_per_model)
    truth = TrueMeshes(results, config.dataset.max_faces) if has_truth(read_results(baselines)) else None
    views = collect_shown_views(runs, test, truth, SHOWN_VIEWS)
    size_in = reconstructions_size_in(views, list(runs))
    with Previewer(CELL_PX, math.radians(config.render.fov_deg)) as previewer, figure_file(*size_in, output) as fig:
        draw(fig, views, list(runs), previewer.render_mesh, config.render.camera_distance)
    Journal(journal, run="comparison").artifact(output, "figures")
