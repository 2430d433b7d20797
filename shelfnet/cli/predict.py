"""``shelfnet predict``: photos to GLB files."""

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from math import radians
from pathlib import Path

import torch

from shelfnet.cli.checkpoints import named_checkpoint, newest_checkpoint
from shelfnet.cli.errors import UsageError
from shelfnet.cli.outputs import PhotoOutputs, plan_outputs
from shelfnet.cli.previews import CELL_PX, Render, save_preview
from shelfnet.cli.progress import Progress
from shelfnet.cli.settings import mesh_settings, override_segmenter, prediction_settings
from shelfnet.data.photographs.reader import PhotoError
from shelfnet.data.shards.encoding import UnusableImageError
from shelfnet.devices import device_name, pick_device
from shelfnet.networks.checkpoint import load_model, read_run_description
from shelfnet.networks.segmenter import build_segmenter
from shelfnet.publishing import complete_file
from shelfnet.reconstruction.coloured_mesh import save_glb
from shelfnet.reconstruction.predictor import EmptyMeshError, Predictor
from shelfnet.reconstruction.single_view import Reconstruction

RESULTS = Path("results")

PHOTO_ERRORS = (PhotoError, UnusableImageError, EmptyMeshError, OSError)
"""Errors of a single photo or its output files, after which the next photo follows."""


def predict(arguments: argparse.Namespace) -> int:
    """Predict the meshes of the photos on a command line.

    Returns:
        0 if every photo has a mesh, else 1.

    Raises:
        UsageError: The command cannot start.
    """
    planned = plan_outputs(arguments.photos, arguments.mask, arguments.output, arguments.preview)
    predictor = _load_predictor(arguments)
    progress = Progress(len(planned))
    with _preview_renderer(predictor, arguments.preview) as render:
        for outputs in planned:
            try:
                predicted, seconds = _predict_photo(outputs, predictor, render)
            except PHOTO_ERRORS as error:
                progress.fail(outputs, error)
            else:
                progress.done(outputs, seconds, predicted)
    progress.summarise()
    return 1 if progress.failures else 0


def _predict_photo(outputs: PhotoOutputs, predictor: Predictor, render: Render | None) -> tuple[Reconstruction, float]:
    """Write the files of one photo; the time does not include the preview."""
    started = time.perf_counter()
    predicted = predictor(outputs.photo, outputs.mask)
    with complete_file(outputs.mesh) as temporary:
        save_glb(temporary, predicted.reconstruction.surface)
    seconds = time.perf_counter() - started
    if render is not None and outputs.preview is not None:
        save_preview(outputs.preview, predicted, outputs.mesh, render, predictor.render.camera_distance)
    return predicted.reconstruction, seconds


def _load_predictor(arguments: argparse.Namespace) -> Predictor:
    started = time.perf_counter()
    folder = named_checkpoint(arguments.checkpoint) if arguments.checkpoint else newest_checkpoint(RESULTS)
    device = _pick_device(arguments.device)
    try:
        description = read_run_description(folder)
        config = prediction_settings(arguments.config or [], description.ablation)
        images = config.dataset.images
        reconstruct, refine = mesh_settings(config, refined=arguments.refine, texture=arguments.texture)
        predictor = Predictor(
            model=load_model(folder, device),
            render=description.render,
            object_share=description.object_share,
            images=images,
            reconstruct=reconstruct,
            refine=refine,
            segment=build_segmenter(override_segmenter(images.segmenter, _segmenter_overrides(arguments)), device),
        )
    # The checkpoint or the segmenter's weights are missing or do not fit.
    except (ValueError, FileNotFoundError) as error:
        raise UsageError(str(error)) from error
    model = f"{folder} ({description.ablation}, {description.iterations} iterations) on {device_name(device)}"
    print(f"model {model}, loaded in {time.perf_counter() - started:.1f} s", flush=True)
    return predictor


def _pick_device(name: str) -> torch.device:
    try:
        return pick_device(name)
    except RuntimeError as error:
        raise UsageError(f"--{error}") from error


def _segmenter_overrides(arguments: argparse.Namespace) -> dict[str, object]:
    weights: Path | None = arguments.segmenter_weights
    return {
        "kind": arguments.segmenter,
        "weights": weights and "file",
        "path": weights and str(weights),
        "categories": arguments.segmenter_category,
    }


@contextmanager
def _preview_renderer(predictor: Predictor, preview: Path | None) -> Iterator[Render | None]:
    """Open a renderer if previews are requested; only they need OpenGL."""
    if preview is None:
        yield None
        return
    try:
        from shelfnet.preview.previewer import Previewer
    except ImportError as error:
        raise UsageError(f"--preview needs pyrender and OpenGL; install shelfnet[report] ({error})") from error
    with Previewer(CELL_PX, radians(predictor.render.fov_deg)) as previewer:
        yield previewer.render
