"""Draw every figure of the report from the files of the earlier stages."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from shelfnet.config.load import for_ablation
from shelfnet.config.schema import Config
from shelfnet.data.shards.reader import EvaluationViews, load_evaluation_views, load_view_labels
from shelfnet.evaluation.floaters import structure_differences, structure_means
from shelfnet.evaluation.results import has_truth, read_results
from shelfnet.preview.previewer import Previewer
from shelfnet.report.captions import FIGURE_CAPTIONS
from shelfnet.report.curves import draw_chamfer_curves, draw_loss_curves, draw_mask_iou_curves, loss_names
from shelfnet.report.floaters import draw_floaters, floaters_height_in
from shelfnet.report.image_figures import draw_contact_sheet, draw_reconstructions, reconstructions_size_in
from shelfnet.report.memory import draw_memory_scaling
from shelfnet.report.poses import draw_azimuth_confusion, draw_view_prior
from shelfnet.report.render_switches import read_render_switches
from shelfnet.report.runs import Runs, evaluated_runs, read_curves, shard_paths
from shelfnet.report.scores import MAX_CATEGORIES, draw_chamfer_by_category
from shelfnet.report.shown_views import collect_poses, collect_shown_views
from shelfnet.report.sources import TrueMeshes
from shelfnet.report.style import Look, figure, looks, save
from shelfnet.report.view_sphere import draw_view_sphere
from shelfnet.tracking.journal import Journal

SHOWN_VIEWS = 3
SHEET_IMAGES = 30
SHEET_VIEWS_PER_MODEL = 4
CELL_PX = 160


def draw_figures(
    *,
    config: Config,
    results: Path,
    tables: Mapping[str, Path],
    baselines: Path,
    levels: Path | None,
    output: Path,
    journal: Path,
) -> None:
    """Write every figure as PNG with a vector PDF beside it.

    Args:
        config: the whole tree.
        results: the tree of results.
        tables: ``chamfer.csv`` of all seeds by ablation, in the order of columns and legends.
        baselines: ``chamfer.csv`` of the trivial rows.
        levels: their levels for the validation curves; none where the data set has no truth.
        output: folder of the figures; ``memory_scaling.csv`` is expected in it.
        journal: events for the ``comparison`` run.
    """
    style = looks(list(tables))
    rows = {name: read_results(path, ablation=name) for name, path in tables.items()}
    runs, shards = evaluated_runs(config, results, rows), shard_paths(config, results)
    test = load_evaluation_views(shards, "test", config.reconstruct.views_per_model)
    _draw_curves(runs, read_levels(levels) if levels else {}, output, style)
    trivial = read_results(baselines)
    _draw_categories(rows, trivial, output, style)
    _draw_floaters(config, rows, output, style)
    _draw_poses(config, runs, test, output, style)
    truth = TrueMeshes(results, config.dataset.max_faces) if has_truth(trivial) else None
    _draw_reconstructions(config, runs, test, truth, output)
    _draw_contact_sheet(shards, config.render.seed, output)
    _draw_view_sphere(shards, config, output)
    with _saved(7.5, 5.6, output / "memory_scaling.png") as drawn:
        draw_memory_scaling(drawn, pd.read_csv(output / "memory_scaling.csv"))
    run = Journal(journal, run="comparison")
    for name in sorted(FIGURE_CAPTIONS):
        run.artifact(output / f"{name}.png", "figures")


@contextmanager
def _saved(width_in: float, height_in: float, path: Path) -> Iterator[Figure]:
    with figure(width_in, height_in) as drawn:
        yield drawn
        save(drawn, path)


def read_levels(path: Path) -> dict[str, float]:
    """Chamfer distance of the trivial rows on the ruler of the validation curves."""
    table = pd.read_csv(path)
    return dict(zip(table["ablation"], table["chamfer"].astype(float), strict=True))


def _draw_curves(runs: Runs, levels: Mapping[str, float], output: Path, style: Mapping[str, Look]) -> None:
    curves, switches = read_curves(runs), read_render_switches(runs)
    with _saved(8.0, 4.2, output / "chamfer_curves.png") as drawn:
        draw_chamfer_curves(drawn, curves, levels, style, switches)
    with _saved(8.0, 4.2, output / "mask_iou_curves.png") as drawn:
        draw_mask_iou_curves(drawn, curves, style, switches)
    rows = max(1, math.ceil(len(loss_names(curves)) / 3))
    with _saved(9.0, 1.0 + 1.7 * rows, output / "loss_curves.png") as drawn:
        draw_loss_curves(drawn, curves, style, switches)


def _draw_categories(
    rows: Mapping[str, pd.DataFrame], baselines: pd.DataFrame, output: Path, style: Mapping[str, Look]
) -> None:
    categories = {name for table in rows.values() for name in table["category"].dropna()}
    with _saved(
        8.0, 1.5 + 0.45 * min(len(categories), MAX_CATEGORIES + 1), output / "chamfer_by_category.png"
    ) as drawn:
        draw_chamfer_by_category(drawn, rows, baselines, style)


def _draw_floaters(config: Config, rows: Mapping[str, pd.DataFrame], output: Path, style: Mapping[str, Look]) -> None:
    samples, seed = config.evaluate.bootstrap_samples, config.evaluate.seed
    means = structure_means(rows, samples, seed)
    differences = structure_differences(rows, background_pairs(config, list(rows)), samples, seed)
    with _saved(9.0, floaters_height_in(rows, differences), output / "floaters.png") as drawn:
        draw_floaters(drawn, rows, means, differences, style)


def background_pairs(config: Config, ablations: Sequence[str]) -> list[tuple[str, str]]:
    """Ablations with backgrounds behind CLIP's renders, each with the one that differs from it in them alone."""
    trees = {name: for_ablation(config, name).model_dump(exclude={"ablations"}) for name in ablations}
    backgrounds = {name: tuple(tree["clip"].pop("backgrounds")) for name, tree in trees.items()}
    return [
        (name, plain)
        for name in ablations
        for plain in ablations
        if trees[name] == trees[plain] and trees[name]["losses"]["clip"] > 0.0
        if backgrounds[plain] == ("white",) != backgrounds[name]
    ]


def _draw_poses(config: Config, runs: Runs, test: EvaluationViews, output: Path, style: Mapping[str, Look]) -> None:
    poses = collect_poses(runs, test)
    panel_rows = max(1, math.ceil(len(poses) / 4))
    with _saved(9.0, 0.5 + 2.5 * panel_rows, output / "azimuth_confusion.png") as drawn:
        draw_azimuth_confusion(drawn, poses, style)
    with _saved(9.0, 0.9 + 1.7 * panel_rows, output / "view_prior.png") as drawn:
        draw_view_prior(drawn, poses, config.render.prior, style)


def _draw_reconstructions(
    config: Config, runs: Runs, test: EvaluationViews, truth: TrueMeshes | None, output: Path
) -> None:
    views = collect_shown_views(runs, test, truth, SHOWN_VIEWS)
    fov = math.radians(config.render.fov_deg)
    size_in = reconstructions_size_in(views, list(runs))
    with Previewer(CELL_PX, fov) as previewer, _saved(*size_in, output / "reconstructions.png") as drawn:
        draw_reconstructions(drawn, views, list(runs), previewer.render, config.render.camera_distance)


def _draw_contact_sheet(shards: list[Path], seed: int, output: Path) -> None:
    """Random images of one random shard's training models."""
    generator = np.random.default_rng(seed)
    sheet = load_evaluation_views([shards[generator.integers(len(shards))]], "train", SHEET_VIEWS_PER_MODEL)
    count = min(SHEET_IMAGES, len(sheet.captions))
    chosen = np.sort(generator.choice(len(sheet.captions), count, replace=False))
    with _saved(8.5, 0.2 + 1.75 * math.ceil(count / 6), output / "contact_sheet.png") as drawn:
        draw_contact_sheet(drawn, [sheet.images[n] for n in chosen], [sheet.captions[n] for n in chosen])


def _draw_view_sphere(shards: list[Path], config: Config, output: Path) -> None:
    views = [load_view_labels(shards, split, None) for split in ("train", "validation", "test")]
    azimuths, elevations = (
        np.concatenate([getattr(own, name) for own in views]) for name in ("azimuths_deg", "elevations_deg")
    )
    with _saved(9.0, 3.6, output / "view_sphere.png") as drawn:
        draw_view_sphere(drawn, azimuths, elevations, config.render.prior)
