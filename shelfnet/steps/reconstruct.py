"""Reconstruction step: coarse meshes from images, by one forward pass and marching cubes per view."""

import logging
import math
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from shelfnet.config.meshes import ReconstructSettings
from shelfnet.config.render import RenderSettings
from shelfnet.data.predictions import Prediction, mesh_name, write_predictions
from shelfnet.devices import pick_device
from shelfnet.networks.checkpoint import load_model
from shelfnet.networks.compositing import composite_on_white
from shelfnet.networks.shelfnet import ShelfNet
from shelfnet.publishing import complete_folder
from shelfnet.reconstruction.coloured_mesh import save_glb
from shelfnet.reconstruction.single_view import reconstruct_image
from shelfnet.steps.input_views import InputView, load_input_views
from shelfnet.tracking.journal import Journal

log = logging.getLogger(__name__)

_LOG_EVERY = 20


def reconstruct(
    *,
    settings: ReconstructSettings,
    render: RenderSettings,
    checkpoint: Path,
    shards: Sequence[Path],
    part: int,
    device: str,
    output: Path,
    journal: Path,
) -> None:
    """Predict a coarse mesh and a camera from every image of one part, without using true poses.

    Args:
        settings: Resolution, level and size of the meshes, views per model, and number of parts.
        render: Field of view and distance of the cameras.
        checkpoint: Folder of the trained model, ``<ablation>/seed<n>``.
        shards: Shards of images.
        part: Index of the part, which takes every ``settings.parts``-th view.
        device: ``auto``, ``cpu`` or ``cuda``.
        output: Folder for GLB files and ``predictions.parquet``.
        journal: Journal of this job.

    Raises:
        ValueError: There is no such part.
        CheckpointError: The checkpoint cannot be used.
        ShardError: A shard is damaged.
    """
    if not 0 <= part < settings.parts:
        raise ValueError(f"expected a part in [0, {settings.parts - 1}], got {part}")
    model = load_model(checkpoint, pick_device(device))
    views = load_input_views(shards, settings.views_per_model)[part :: settings.parts]
    with complete_folder(output) as folder:
        predictions = []
        for number, view in enumerate(views, start=1):
            predictions.append(_reconstruct_view(model, view, settings, render, folder))
            if number % _LOG_EVERY == 0 or number == len(views):
                log.info("%s: %d of %d views reconstructed", output, number, len(views))
        write_predictions(folder, predictions)
    _write_journal(Journal(journal, f"{checkpoint.parent.name}/{checkpoint.name}"), predictions, output)


def _reconstruct_view(
    model: ShelfNet, view: InputView, settings: ReconstructSettings, render: RenderSettings, folder: Path
) -> Prediction:
    started = time.perf_counter()
    image, mask = composite_on_white(view.rgba[None].to(next(model.parameters()).device))
    predicted = reconstruct_image(model, image, mask, settings, render)
    mesh, name = predicted.surface.mesh, None
    if not mesh.is_empty:
        name = mesh_name(view.model_id, view.view)
        save_glb(folder / name, predicted.surface)
    return Prediction(
        model_id=view.model_id,
        split=view.split,
        view=view.view,
        stage="coarse",
        status="empty" if name is None else "ok",
        mesh=name,
        azimuth_deg=math.degrees(predicted.azimuth),
        elevation_deg=math.degrees(predicted.elevation),
        n_vertices=len(mesh.vertices),
        n_faces=len(mesh.faces),
        mask_iou=predicted.mask_iou,
        seconds=time.perf_counter() - started,
    )


def _write_journal(events: Journal, predictions: Sequence[Prediction], output: Path) -> None:
    values = {
        "reconstruct/views": len(predictions),
        "reconstruct/empty": sum(prediction.status == "empty" for prediction in predictions),
        "reconstruct/mask_iou": np.mean([prediction.mask_iou for prediction in predictions] or [0.0]),
        "reconstruct/seconds": sum(prediction.seconds for prediction in predictions),
    }
    events.metrics(0, values)
    events.artifact(output, "meshes/coarse")
