"""Measure the trivial baselines on the same views and with the same points as the models."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from shelfnet.config.evaluate import CURVE_POINTS, EvaluateSettings
from shelfnet.data.seeding import named_generator
from shelfnet.data.shards.reader import load_view_labels
from shelfnet.data.surfaces import SurfaceDataset, load_surfaces
from shelfnet.evaluation.alignment import VALIDATION, YRotation
from shelfnet.evaluation.baselines import draw_training_models, medoid, sphere_mesh, spread_candidates
from shelfnet.evaluation.methods import BASELINES, MEAN_SHAPE, RANDOM_TRAIN, SPHERE
from shelfnet.evaluation.metrics import NORMALISATION, SampledSurface, chamfer
from shelfnet.evaluation.neighbours import neighbour_index
from shelfnet.evaluation.results import write_results, write_table
from shelfnet.evaluation.scoring import score_in_parallel, score_mesh, score_surfaces, true_surface
from shelfnet.geometry.meshes import sample_surface
from shelfnet.tracking.journal import Journal

log = logging.getLogger(__name__)

MEDOID_POINTS = 512
"""Points per surface for finding the medoid."""
_NO_ROTATION = YRotation(angle_deg=0.0, n_predictions=0)


def evaluate_baselines(
    *,
    settings: EvaluateSettings,
    surfaces: Sequence[Path],
    shards: Sequence[Path],
    views_per_model: int,
    validation_views: int,
    output: Path,
    levels: Path,
    threads: int,
    journal: Path,
) -> None:
    """Write one row per test view and baseline, and the levels of the baselines for the validation curves.

    Baselines predict the same for every view of an object and have no camera, so view errors and mask IoU are blank.
    Only the sphere is a mesh; components and floaters of the others are blank.

    Args:
        settings: Points, thresholds and seeds of the metrics.
        surfaces: Shards of true surfaces, including the training split.
        shards: Shards of images, for the test and validation views.
        views_per_model: Number of predicted views per model.
        validation_views: Number of views behind the validation curves.
        output: ``chamfer.csv`` of the baselines.
        levels: ``ablation, n_views, n_points, chamfer`` on the views and with the points of the validation curves.
        threads: Number of objects scored at the same time; it does not affect the result.
        journal: Events for the ``baselines`` run.

    Raises:
        ValueError: There are no training surfaces.
        ShardError: A shard is damaged.
    """
    truth = load_surfaces(surfaces)
    views = load_view_labels(shards, "test", views_per_model, model_ids=truth)
    medoid_id = _medoid_model(truth, settings)
    mean_shape = true_surface(truth[medoid_id], medoid_id, settings)
    scored = score_in_parallel(
        lambda model_id: _score_model(model_id, truth, mean_shape, settings), sorted(set(views.model_ids)), threads
    )
    rows = scored.merge(views.table(), on="model_id", validate="many_to_many")
    rows["ablation"] = pd.Categorical(rows["ablation"], BASELINES)
    rows = rows.sort_values(["ablation", "model_id", "view"], ignore_index=True)
    write_results(rows.assign(**_constants(settings)), output)
    validation = load_view_labels(shards, VALIDATION, None, model_ids=truth, max_views=validation_views)
    write_table(_validation_levels(validation.model_ids, truth, medoid_id, settings, threads), levels)
    run = Journal(journal, run="baselines")
    run.metrics(0, {f"test/{name}/chamfer": rows[rows["ablation"] == name]["chamfer"].mean() for name in BASELINES})
    run.artifact(output)
    run.artifact(levels)
    run.table(output, key=("ablation", "model_id", "view"), headline="chamfer")


def _score_model(
    model_id: str, truth: SurfaceDataset, mean_shape: SampledSurface, settings: EvaluateSettings
) -> Iterator[dict[str, Any]]:
    """One row per baseline."""
    true = true_surface(truth[model_id], model_id, settings)
    generator = named_generator(settings.seed, f"baselines/{model_id}")
    drawn = draw_training_models(truth.in_split("train"), settings.random_train_draws, generator)
    random_train = [true_surface(truth[other], other, settings) for other in drawn]
    scores = {
        SPHERE: score_mesh(sphere_mesh(), _NO_ROTATION, true, settings, generator),
        RANDOM_TRAIN: score_surfaces(random_train, true, settings),
        MEAN_SHAPE: score_surfaces([mean_shape], true, settings),
    }
    for name, score in scores.items():
        yield {"ablation": name, "model_id": model_id, **score.columns()}


def _validation_levels(
    model_ids: Sequence[str], truth: SurfaceDataset, medoid_id: str, settings: EvaluateSettings, threads: int
) -> pd.DataFrame:
    """Mean Chamfer distance of every baseline over the validation views, given by the model of each view."""
    measured = score_in_parallel(
        lambda model_id: _curve_distances(model_id, truth, medoid_id, settings), sorted(set(model_ids)), threads
    )
    of_views = measured.merge(pd.DataFrame({"model_id": model_ids}), on="model_id")
    means = of_views.groupby("ablation")["chamfer"].mean().reindex(BASELINES)
    return pd.DataFrame(
        {"ablation": BASELINES, "n_views": len(model_ids), "n_points": CURVE_POINTS, "chamfer": means.to_numpy()}
    )


def _curve_distances(
    model_id: str, truth: SurfaceDataset, medoid_id: str, settings: EvaluateSettings
) -> Iterator[dict[str, Any]]:
    """One row per baseline, with the number of points of the validation curves."""
    true = truth[model_id].points[:CURVE_POINTS]
    to_true = neighbour_index(true, settings.backend)
    generator = named_generator(settings.seed, f"baselines/{model_id}")
    drawn = draw_training_models(truth.in_split("train"), settings.random_train_draws, generator)
    predictions = {
        SPHERE: [sample_surface(sphere_mesh(), CURVE_POINTS, generator)[0]],
        RANDOM_TRAIN: [truth[other].points[:CURVE_POINTS] for other in drawn],
        MEAN_SHAPE: [truth[medoid_id].points[:CURVE_POINTS]],
    }
    for name, surfaces in predictions.items():
        distances = [
            chamfer(to_true(points).distances, neighbour_index(points, settings.backend)(true).distances)
            for points in surfaces
        ]
        yield {"ablation": name, "model_id": model_id, "chamfer": float(np.mean(distances))}


def _medoid_model(truth: SurfaceDataset, settings: EvaluateSettings) -> str:
    candidates = spread_candidates(truth.in_split("train"), settings.medoid_candidates)
    chosen = candidates[medoid([truth[model_id].points[:MEDOID_POINTS] for model_id in candidates], settings.backend)]
    log.info("mean shape: %s is the medoid of %d training models", chosen, len(candidates))
    return chosen


def _constants(settings: EvaluateSettings) -> dict[str, object]:
    unknown = dict.fromkeys(("azimuth_error_deg", "elevation_error_deg", "mask_iou", "alignment_deg"), np.nan)
    return {
        "seed": 0,
        "stage": "coarse",
        "n_points": settings.n_points,
        "normalisation": NORMALISATION,
        "alignment": "none",
        "has_truth": True,
        **unknown,
    }
