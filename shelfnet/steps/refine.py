"""Refinement step: fit coarse meshes and their cameras to the input images."""

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
from shelfnet.data.catalogue.splits import TEST
from shelfnet.data.predictions import Prediction, PredictionsError, read_predictions, write_predictions
from shelfnet.devices import pick_device
from shelfnet.networks.compositing import composite_on_white
from shelfnet.publishing import complete_folder
from shelfnet.reconstruction.coloured_mesh import load_glb, save_glb
from shelfnet.reconstruction.single_view import Reconstruction, refine_reconstructions
from shelfnet.steps.input_views import InputView, load_input_views
from shelfnet.tracking.journal import Journal

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
    """Refine the coarse meshes of the test split in one part against their input images, without using true poses.

    A mesh whose mask IoU would fall is copied unchanged. Validation meshes stay coarse: the rotation is fitted on
    those.

    Args:
        settings: Settings of the refinement. If it is disabled or has no iterations, all meshes are copied.
        reconstruct: Settings that the coarse meshes were made with.
        render: Field of view and distance of the cameras.
        coarse: Folder of coarse predictions, ``<ablation>/seed<n>/coarse/part-<k>``.
        shards: Shards of images.
        device: ``auto``, ``cpu`` or ``cuda``.
        output: Folder for GLB files and ``predictions.parquet``.
        journal: Journal of this job.

    Raises:
        PredictionsError: The coarse predictions are damaged or have a view that is in no shard.
        ShardError: A shard is damaged.
        MeshFileError: A coarse mesh is missing or damaged.
    """
    rows = [row for row in read_predictions(coarse) if row.split == TEST]
    with complete_folder(output) as folder:
        if settings.enabled and settings.iterations > 0:
            views = _match_views(rows, load_input_views(shards, reconstruct.views_per_model), coarse)
            refined = _PartRefinement(settings, render, coarse, folder, pick_device(device)).run(rows, views)
        else:
            refined = [_copy_mesh(row, coarse, folder) for row in rows]
        write_predictions(folder, refined)
    seed_folder = coarse.parents[1]
    _write_journal(Journal(journal, f"{seed_folder.parent.name}/{seed_folder.name}"), refined, output)


def _match_views(rows: Sequence[Prediction], views: Sequence[InputView], coarse: Path) -> list[InputView]:
    known = {(view.model_id, view.view): view for view in views}
    for row in rows:
        if (row.model_id, row.view) not in known:
            raise PredictionsError(f"{coarse}: view {row.view} of model {row.model_id!r} is in none of the shards")
    return [known[row.model_id, row.view] for row in rows]


@dataclass(frozen=True)
class _PartRefinement:
    """Refinement of one part, in batches."""

    settings: RefineSettings
    render: RenderSettings
    coarse: Path
    folder: Path
    device: torch.device

    def run(self, rows: Sequence[Prediction], views: Sequence[InputView]) -> list[Prediction]:
        """Refine all meshes; the rows keep their order."""
        refined = [_copy_mesh(row, self.coarse, self.folder) if row.mesh is None else row for row in rows]
        non_empty = [index for index, row in enumerate(rows) if row.mesh is not None]
        for start in range(0, len(non_empty), self.settings.batch_size):
            batch = non_empty[start : start + self.settings.batch_size]
            results = self._run_batch([rows[index] for index in batch], [views[index] for index in batch])
            for index, result in zip(batch, results, strict=True):
                refined[index] = result
            log.info("%s: %d of %d meshes refined", self.folder, start + len(batch), len(non_empty))
        return refined

    def _run_batch(self, rows: Sequence[Prediction], views: Sequence[InputView]) -> list[Prediction]:
        started = time.perf_counter()
        coarse = [self._load(row) for row in rows]
        images, masks = composite_on_white(torch.stack([view.rgba for view in views]).to(self.device))
        results = refine_reconstructions(coarse, images, masks, self.settings, self.render)
        saved = [
            _copy_mesh(row, self.coarse, self.folder) if after is before else self._save(row, after)
            for row, before, after in zip(rows, coarse, results, strict=True)
        ]
        seconds = (time.perf_counter() - started) / len(rows)
        return [replace(prediction, seconds=seconds) for prediction in saved]

    def _load(self, row: Prediction) -> Reconstruction:
        surface = load_glb(self.coarse / str(row.mesh))
        return Reconstruction(surface, math.radians(row.azimuth_deg), math.radians(row.elevation_deg), row.mask_iou)

    def _save(self, row: Prediction, result: Reconstruction) -> Prediction:
        mesh = result.surface.mesh
        save_glb(self.folder / str(row.mesh), result.surface)
        return replace(
            row,
            stage="refined",
            azimuth_deg=math.degrees(result.azimuth),
            elevation_deg=math.degrees(result.elevation),
            n_vertices=len(mesh.vertices),
            n_faces=len(mesh.faces),
            mask_iou=result.mask_iou,
        )


def _copy_mesh(row: Prediction, coarse: Path, folder: Path) -> Prediction:
    if row.mesh is not None:
        shutil.copyfile(coarse / row.mesh, folder / row.mesh)
    return replace(row, stage="refined", seconds=0.0)


def _write_journal(events: Journal, refined: Sequence[Prediction], output: Path) -> None:
    mean_iou = np.mean([prediction.mask_iou for prediction in refined] or [0.0])
    seconds = sum(prediction.seconds for prediction in refined)
    events.metrics(0, {"refine/mask_iou": mean_iou, "refine/seconds": seconds})
    events.artifact(output, "meshes/refined")
