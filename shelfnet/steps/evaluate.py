"""Measure the predictions of one trained model against the true surfaces."""

import logging
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from shelfnet.config.evaluate import EvaluateSettings
from shelfnet.data.catalogue.splits import TEST
from shelfnet.data.seeding import named_generator
from shelfnet.data.surfaces import SurfaceDataset, load_surfaces
from shelfnet.evaluation.alignment import (
    VALIDATION,
    AlignmentPair,
    ValidationSet,
    YRotation,
    fit_y_rotation,
    rotation_between_views,
)
from shelfnet.evaluation.metrics import NORMALISATION
from shelfnet.evaluation.predictions import PredictionsError, load_test_views, read_predictions
from shelfnet.evaluation.results import write_results
from shelfnet.evaluation.scoring import EMPTY_SCORE, has_surface, score_in_parallel, score_mesh, true_surface
from shelfnet.evaluation.view_errors import (
    WORST_AZIMUTH_ERROR_DEG,
    WORST_ELEVATION_ERROR_DEG,
    azimuth_error_deg,
    elevation_error_deg,
)
from shelfnet.geometry.meshes import sample_surface
from shelfnet.reconstruction.coloured_mesh import load_glb
from shelfnet.tracking.journal import Journal

log = logging.getLogger(__name__)

ALIGNMENT_POINTS = 512
"""Points per surface for fitting the rotation."""
ALIGNMENT_PREDICTIONS = 128
"""Largest number of validation predictions for fitting the rotation, evenly spread."""
_JOURNAL_MEANS = (
    "chamfer", "chamfer_l2", "chamfer_icp", "chamfer_unicorn", "fscore", "iou", "normal_consistency",
    "floater_fraction",
)  # fmt: skip


def evaluate(
    *,
    settings: EvaluateSettings,
    ablation: str,
    seed: int,
    coarse: Sequence[Path],
    refined: Sequence[Path],
    surfaces: Sequence[Path],
    shards: Sequence[Path],
    output: Path,
    threads: int,
    journal: Path,
) -> None:
    """Write one row per test view and stage.

    One rotation about +Y is fitted on the coarse validation predictions and applied to both stages.

    Args:
        settings: Points, thresholds and seeds of the metrics.
        ablation: Name of the ablation.
        seed: Seed of the run.
        coarse: Folders with coarse ``predictions.parquet`` and meshes.
        refined: The same after refinement; may be empty.
        surfaces: Shards of true surfaces.
        shards: Shards of images, for the true views.
        output: ``chamfer.csv``.
        threads: Number of objects scored at the same time; it does not affect the result.
        journal: Events for the run ``<ablation>/seed<n>``.

    Raises:
        PredictionsError: Predictions are damaged, differ from the surfaces in a model's split, or lack a test view.
        ShardError: A shard is damaged.
    """
    truth = load_surfaces(surfaces)
    stages = {"coarse": _measurable(read_predictions(coarse, "coarse"), truth)}
    if refined:
        stages["refined"] = _measurable(read_predictions(refined, "refined"), truth)
    predictions = pd.concat(stages.values(), ignore_index=True)
    _check_splits(predictions, truth)
    test = predictions[predictions["split"] == TEST]
    views = load_test_views(test, tuple(stages), shards, model_ids=truth)
    alignment = fit_y_rotation(
        validation_set(stages["coarse"], truth, settings), settings.alignment_steps, settings.backend
    )
    log.info("%s seed %d: alignment %s", ablation, seed, alignment.label)
    rows = score_in_parallel(
        lambda group: _score_model(group, truth, alignment, settings),
        [group for _, group in test.merge(views, on=["model_id", "view"]).groupby("model_id")],
        threads,
    )
    rows = _with_view_errors(rows, views, alignment)
    write_results(rows.assign(ablation=ablation, seed=seed, **_constants(settings, alignment)), output)
    _write_journal(Journal(journal, run=f"{ablation}/seed{seed}"), rows, alignment, output)


def validation_set(predictions: pd.DataFrame, truth: SurfaceDataset, settings: EvaluateSettings) -> ValidationSet:
    """Points of validation predictions with a surface, paired with points of the true surfaces."""
    rows = predictions[(predictions["split"] == VALIDATION) & (predictions["status"] == "ok")]
    if len(rows) > ALIGNMENT_PREDICTIONS:
        rows = rows.iloc[np.linspace(0, len(rows) - 1, ALIGNMENT_PREDICTIONS).round().astype(int)]
    pairs = []
    for row in rows.itertuples():
        mesh = load_glb(row.mesh).mesh
        if has_surface(mesh):
            generator = named_generator(settings.seed, f"alignment/{row.model_id}/{row.view}")
            points, _ = sample_surface(mesh, ALIGNMENT_POINTS, generator)
            surface = truth[row.model_id]
            pairs.append(AlignmentPair(row.model_id, surface.split, points, surface.points[:ALIGNMENT_POINTS]))
    return ValidationSet(tuple(pairs))


def _measurable(predictions: pd.DataFrame, truth: SurfaceDataset) -> pd.DataFrame:
    """Predictions of models with a true surface."""
    refused = predictions["model_id"].isin(truth.refused)
    if refused.any():
        names = ", ".join(sorted(set(predictions.loc[refused, "model_id"]))[:10])
        log.warning("predictions of models without a true surface are left out: %s", names)
    return predictions[~refused]


def _check_splits(predictions: pd.DataFrame, truth: SurfaceDataset) -> None:
    split_of = {model_id: split for split in (VALIDATION, TEST) for model_id in truth.in_split(split)}
    for row in predictions.drop_duplicates(["model_id", "split"]).itertuples():
        if split_of.get(row.model_id) != row.split:
            expected = split_of.get(row.model_id, "train" if row.model_id in truth else "unknown")
            raise PredictionsError(
                f"{row.mesh.parent}: model {row.model_id} is predicted as {row.split},"
                f" but its true surface is of the split {expected}"
            )


def _score_model(
    group: pd.DataFrame, truth: SurfaceDataset, alignment: YRotation, settings: EvaluateSettings
) -> Iterator[dict[str, Any]]:
    """Rows of all views and stages of one object, whose true surface is indexed once."""
    model_id = group["model_id"].iloc[0]
    true = true_surface(truth[model_id], model_id, settings)
    for row in group.itertuples():
        score = EMPTY_SCORE
        if row.status == "ok":
            generator = named_generator(settings.seed, f"{row.stage}/{model_id}/{row.view}")
            score = score_mesh(load_glb(row.mesh).mesh, alignment, true, settings, generator, _by_cameras(row))
        names = ("model_id", "view", "stage", "azimuth_deg", "elevation_deg")
        kept = {name: getattr(row, name) for name in names}
        yield kept | {"mask_iou": np.nan_to_num(row.mask_iou)} | score.columns()


def _by_cameras(row: Any) -> Float[np.ndarray, "3 3"] | None:
    """Rotation of a prediction into the object frame by its cameras; ``None`` without a predicted view."""
    predicted = (row.azimuth_deg, row.elevation_deg)
    if not all(map(math.isfinite, predicted)):
        return None
    return rotation_between_views(predicted, (row.true_azimuth_deg, row.true_elevation_deg))


def _with_view_errors(rows: pd.DataFrame, views: pd.DataFrame, alignment: YRotation) -> pd.DataFrame:
    """Add the true views and the view errors; without a surface or a predicted view, the error is the worst value."""
    rows = rows.merge(views, on=["model_id", "view"], how="left", validate="many_to_one")
    azimuth, elevation, true_azimuth, true_elevation = (
        rows[name].to_numpy(dtype=np.float64)
        for name in ("azimuth_deg", "elevation_deg", "true_azimuth_deg", "true_elevation_deg")
    )
    azimuth_error = azimuth_error_deg(azimuth, true_azimuth, alignment.angle_deg)
    elevation_error = elevation_error_deg(elevation, true_elevation)
    empty = (rows["status"] == "empty").to_numpy()
    return rows.assign(
        azimuth_error_deg=np.where(empty | np.isnan(azimuth_error), WORST_AZIMUTH_ERROR_DEG, azimuth_error),
        elevation_error_deg=np.where(empty | np.isnan(elevation_error), WORST_ELEVATION_ERROR_DEG, elevation_error),
    )


def _constants(settings: EvaluateSettings, alignment: YRotation) -> dict[str, Any]:
    return {
        "n_points": settings.n_points,
        "normalisation": NORMALISATION,
        "alignment": alignment.label,
        "alignment_deg": alignment.fitted_deg,
        "has_truth": True,
    }


def _write_journal(run: Journal, rows: pd.DataFrame, alignment: YRotation, output: Path) -> None:
    metrics = {"test/alignment_deg": alignment.angle_deg}
    for stage, group in rows.groupby("stage"):
        metrics |= {f"test/{stage}/{name}": group[name].mean() for name in _JOURNAL_MEANS}
        metrics[f"test/{stage}/azimuth_error_deg"] = group["azimuth_error_deg"].median()
        metrics[f"test/{stage}/empty"] = (group["status"] == "empty").sum()
    final = "refined" if "test/refined/chamfer" in metrics else "coarse"
    run.metrics(0, metrics | {"test/chamfer": metrics[f"test/{final}/chamfer"]})
    run.artifact(output)
    run.table(output, key=("model_id", "view", "stage"), headline="chamfer")
