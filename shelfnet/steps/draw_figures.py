"""Draw the figures of the report, apart from the reconstructions."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from shelfnet.config.load import UNTRAINED, for_ablation
from shelfnet.config.schema import Config
from shelfnet.data.shards.reader import EvaluationViews, load_evaluation_views, load_view_labels
from shelfnet.evaluation.floaters import floater_differences, floater_means
from shelfnet.evaluation.results import Tables, read_results
from shelfnet.report.captions import FIGURE_CAPTIONS
from shelfnet.report.figures.categories import MAX_CATEGORIES, draw_chamfer_by_category
from shelfnet.report.figures.curves import draw_chamfer_curves, draw_loss_curves, draw_mask_iou_curves, loss_names
from shelfnet.report.figures.floaters import draw_floaters, floaters_height_in
from shelfnet.report.figures.images import draw_contact_sheet
from shelfnet.report.figures.memory import draw_memory_scaling
from shelfnet.report.figures.methods import draw_chamfer_by_method
from shelfnet.report.figures.poses import collect_view_angles, draw_azimuth_confusion, draw_view_prior
from shelfnet.report.figures.style import COLUMN_IN, TEXT_IN, Styles, figure_file, line_styles
from shelfnet.report.figures.view_sphere import draw_view_sphere
from shelfnet.report.runs import Runs, evaluated_runs, read_curves, resolution_switches, shard_paths
from shelfnet.tracking.journal import Journal

SHEET_IMAGES = 30
SHEET_VIEWS_PER_MODEL = 4


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
    """Write every figure but the reconstructions as a PNG and a vector PDF.

    Args:
        config: The whole tree.
        results: Folder of the results.
        tables: ``chamfer.csv`` of all seeds by ablation, in the order of columns and legends.
        baselines: ``chamfer.csv`` of the trivial baselines.
        levels: Levels of the baselines for the validation curves; ``None`` if the data set has no true shapes.
        output: Folder of the figures, which already contains ``memory_scaling.csv``.
        journal: Events for the ``comparison`` run.
    """
    styles = line_styles(list(tables))
    rows = {name: read_results(path, ablation=name) for name, path in tables.items()}
    runs, shards = evaluated_runs(config, results, rows), shard_paths(config, results)
    test = load_evaluation_views(shards, "test", config.reconstruct.views_per_model)
    _draw_curves(runs, read_levels(levels) if levels else {}, output, styles)
    trivial = read_results(baselines)
    with figure_file(COLUMN_IN, 1.0 + 0.2 * len(rows), output / "chamfer_by_method.png") as fig:
        samples, seed = config.evaluate.bootstrap_samples, config.evaluate.seed
        draw_chamfer_by_method(fig, rows, trivial, styles, samples, seed)
    _draw_categories(rows, trivial, output, styles)
    _draw_floaters(config, rows, output, styles)
    _draw_poses(config, runs, test, output, styles)
    _draw_contact_sheet(shards, config.render.seed, output)
    _draw_view_sphere(shards, config, output)
    with figure_file(TEXT_IN, 1.9, output / "memory_scaling.png") as fig:
        draw_memory_scaling(fig, pd.read_csv(output / "memory_scaling.csv"))
    run = Journal(journal, run="comparison")
    for name in sorted(FIGURE_CAPTIONS.keys() - {"reconstructions"}):
        run.artifact(output / f"{name}.png", "figures")


def read_levels(path: Path) -> dict[str, float]:
    """Chamfer distance of the trivial baselines on the validation views."""
    table = pd.read_csv(path)
    return dict(zip(table["ablation"], table["chamfer"].astype(float), strict=True))


def _draw_curves(runs: Runs, levels: Mapping[str, float], output: Path, styles: Styles) -> None:
    curves, switches = read_curves(runs), resolution_switches(runs)
    with figure_file(COLUMN_IN, 3.0, output / "chamfer_curves.png") as fig:
        draw_chamfer_curves(fig, curves, levels, styles, switches)
    with figure_file(COLUMN_IN, 3.0, output / "mask_iou_curves.png") as fig:
        draw_mask_iou_curves(fig, curves, styles, switches)
    rows = max(1, math.ceil(len(loss_names(curves)) / 3))
    with figure_file(TEXT_IN, 0.7 + 1.3 * rows, output / "loss_curves.png") as fig:
        draw_loss_curves(fig, curves, styles, switches)


def _draw_categories(rows: Tables, baselines: pd.DataFrame, output: Path, styles: Styles) -> None:
    categories = {name for table in rows.values() for name in table["category"].dropna()}
    height_in = 1.3 + 0.3 * min(len(categories), MAX_CATEGORIES + 1)
    with figure_file(COLUMN_IN, height_in, output / "chamfer_by_category.png") as fig:
        draw_chamfer_by_category(fig, rows, baselines, styles)


def _draw_floaters(config: Config, rows: Tables, output: Path, styles: Styles) -> None:
    samples, seed = config.evaluate.bootstrap_samples, config.evaluate.seed
    rows = {name: table for name, table in rows.items() if name != UNTRAINED}
    means = floater_means(rows, samples, seed)
    differences = floater_differences(rows, background_pairs(config, list(rows)), samples, seed)
    with figure_file(TEXT_IN, floaters_height_in(rows, differences), output / "floaters.png") as fig:
        draw_floaters(fig, rows, means, differences, styles)


def background_pairs(config: Config, ablations: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of ablations that differ only in the backgrounds behind CLIP's renders; the second has white ones."""
    trees = {name: for_ablation(config, name).model_dump(exclude={"ablations"}) for name in ablations}
    backgrounds = {name: tuple(tree["clip"].pop("backgrounds")) for name, tree in trees.items()}
    return [
        (name, plain)
        for name in ablations
        for plain in ablations
        if trees[name] == trees[plain] and trees[name]["losses"]["clip"] > 0.0
        if backgrounds[plain] == ("white",) != backgrounds[name]
    ]


def _draw_poses(config: Config, runs: Runs, test: EvaluationViews, output: Path, styles: Styles) -> None:
    views = collect_view_angles(runs, test)
    panel_rows = max(1, math.ceil(len(views) / 4))
    with figure_file(TEXT_IN, 0.4 + 2.05 * panel_rows, output / "azimuth_confusion.png") as fig:
        draw_azimuth_confusion(fig, views, styles)
    with figure_file(TEXT_IN, 0.6 + 1.3 * panel_rows, output / "view_prior.png") as fig:
        draw_view_prior(fig, views, config.render.prior, styles)


def _draw_contact_sheet(shards: list[Path], seed: int, output: Path) -> None:
    """Random training images of one random shard."""
    generator = np.random.default_rng(seed)
    sheet = load_evaluation_views([shards[generator.integers(len(shards))]], "train", SHEET_VIEWS_PER_MODEL)
    count = min(SHEET_IMAGES, len(sheet.captions))
    chosen = np.sort(generator.choice(len(sheet.captions), count, replace=False))
    with figure_file(TEXT_IN, 0.2 + 1.45 * math.ceil(count / 6), output / "contact_sheet.png") as fig:
        draw_contact_sheet(fig, [sheet.images[n] for n in chosen], [sheet.captions[n] for n in chosen])


def _draw_view_sphere(shards: list[Path], config: Config, output: Path) -> None:
    views = [load_view_labels(shards, split, None) for split in ("train", "validation", "test")]
    azimuths = np.concatenate([own.azimuths_deg for own in views])
    elevations = np.concatenate([own.elevations_deg for own in views])
    with figure_file(TEXT_IN, 2.7, output / "view_sphere.png") as fig:
        draw_view_sphere(fig, azimuths, elevations, config.render.prior)
