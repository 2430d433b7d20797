"""Coarse meshes to meshes that agree with their images."""

import logging
import math
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from shelfnet.config.meshes import ReconstructSettings, RefineSettings
from shelfnet.config.render import RenderSettings
from shelfnet.data.predictions import Prediction, PredictionsError, read_predictions, write_predictions
from shelfnet.publishing import complete_folder
from shelfnet.reconstruction.coloured_mesh import load_glb, save_glb
from shelfnet.reconstruction.single_view import Reconstruction, refine_reconstructions
from shelfnet.renderer.compositing import composite
from shelfnet.steps.input_views import InputView, load_input_views
from shelfnet.tracking.journal import Journal
from shelfnet.training.device import pick_device

log = logging.getLogger(__name__)


def refine(
    *,
    settings: RefineSettings,
    reconstruct: ReconstructSettings,
    render: RenderSettings,
    coarse: Path,
    shards: Sequence[Path],
    device: str,
    output: Path,
    journal: Path,
) -> None:
    """Refine one part of the coarse meshes against their input images; true poses are not looked at.

    A mesh whose silhouette would not cover its mask at least as well as before stays as it was.

    Args:
        settings: of the optimisation; switched off or without iterations, meshes are copied.
        reconstruct: views a model, as the coarse meshes were made with.
        render: field of view and distance of the cameras.
        coarse: folder of coarse predictions, ``<ablation>/seed<n>/coarse/part-<k>``.
        shards: of images.
        device: ``auto``, ``cpu`` or ``cuda``.
        output: folder of GLB files and ``predictions.parquet``.
        journal: events for the run of the checkpoint.

    Raises:
        PredictionsError: coarse predictions are damaged, or of a view that the shards do not hold.
        ShardError: a shard is damaged.
        MeshFileError: a coarse mesh is missing or damaged.
    """
    rows = read_predictions(coarse)
    with complete_folder(output) as folder:
        if settings.enabled and settings.iterations > 0:
            views = _views_of(rows, load_input_views(shards, reconstruct.views_per_model), coarse)
            refined = _refine_all(_Job(settings, render, coarse, folder, pick_device(device)), rows, views)
        else:
            refined = [_keep(row, coarse, folder) for row in rows]
        write_predictions(folder, refined)
    seed_folder = coarse.parents[1]
    _write_journal(Journal(journal, f"{seed_folder.parent.name}/{seed_folder.name}"), refined, output)


def _views_of(rows: Sequence[Prediction], views: Sequence[InputView], coarse: Path) -> list[InputView]:
    known = {(view.model_id, view.view): view for view in views}
    missing = [row for row in rows if (row.model_id, row.view) not in known]
    if missing:
        row = missing[0]
        raise PredictionsError(f"{coarse}: view {row.view} of model {row.model_id!r} is in none of the shards")
    return [known[row.model_id, row.view] for row in rows]


@dataclass(frozen=True)
class _Job:
    """What all batches of one part share."""

    settings: RefineSettings
    render: RenderSettings
    coarse: Path
    folder: Path
    device: torch.device


def _refine_all(job: _Job, rows: Sequence[Prediction], views: Sequence[InputView]) -> list[Prediction]:
    """Refine all meshes by batches; rows come back in their order."""
    refined = [_keep(row, job.coarse, job.folder) if row.mesh is None else row for row in rows]
    solid = [index for index, row in enumerate(rows) if row.mesh is not None]
    for start in range(0, len(solid), job.settings.batch_size):
        batch = solid[start : start + job.settings.batch_size]
        results = _refine_batch(job, [rows[index] for index in batch], [views[index] for index in batch])
        for index, result in zip(batch, results, strict=True):
            refined[index] = result
        log.info("%s: %d of %d meshes refined", job.folder, start + len(batch), len(solid))
    return refined


def _refine_batch(job: _Job, rows: Sequence[Prediction], views: Sequence[InputView]) -> list[Prediction]:
    started = time.perf_counter()
    starts = [_start(job.coarse, row) for row in rows]
    images, masks = composite(torch.stack([view.rgba for view in views]).to(job.device))
    results = refine_reconstructions(starts, images, masks, job.settings, job.render)
    saved = [
        _keep(row, job.coarse, job.folder) if result is start else _save(job.folder, row, result)
        for row, start, result in zip(rows, starts, results, strict=True)
    ]
    seconds = (time.perf_counter() - started) / len(rows)
    return [replace(prediction, seconds=seconds) for prediction in saved]


def _start(coarse: Path, row: Prediction) -> Reconstruction:
    surface = load_glb(coarse / str(row.mesh))
    return Reconstruction(surface, math.radians(row.azimuth_deg), math.radians(row.elevation_deg), row.mask_iou)


def _save(folder: Path, row: Prediction, result: Reconstruction) -> Prediction:
    mesh = result.surface.mesh
    save_glb(folder / str(row.mesh), result.surface)
    return replace(
        row,
        stage="refined",
        azimuth_deg=math.degrees(result.azimuth),
        elevation_deg=math.degrees(result.elevation),
        n_vertices=len(mesh.vertices),
        n_faces=len(mesh.faces),
        mask_iou=result.mask_iou,
    )


def _keep(row: Prediction, coarse: Path, folder: Path) -> Prediction:
    if row.mesh is not None:
        shutil.copyfile(coarse / row.mesh, folder / row.mesh)
    return replace(row, stage="refined", seconds=0.0)


def _write_journal(events: Journal, refined: Sequence[Prediction], output: Path) -> None:
    events.metrics(
        0,
        {
            "refine/mask_iou": float(np.mean([prediction.mask_iou for prediction in refined] or [0.0])),
            "refine/seconds": float(sum(prediction.seconds for prediction in refined)),
        },
    )
    events.artifact(output, "meshes/refined")
