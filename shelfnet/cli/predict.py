"""``shelfnet predict``: photos to GLB files."""

import argparse
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import radians
from pathlib import Path
from typing import Any

from shelfnet.cli.errors import UsageError, missing_package
from shelfnet.cli.outputs import PhotoOutputs, plan_outputs
from shelfnet.cli.previews import CELL_PX, Render, save_preview
from shelfnet.cli.progress import Progress
from shelfnet.config.load import merge, read_overlays
from shelfnet.data.photographs.reader import PhotoError
from shelfnet.data.shards.encoding import UnusableImageError
from shelfnet.devices import device_name
from shelfnet.prediction.photo_prediction import PhotoPrediction
from shelfnet.prediction.predictor import EmptyMeshError, Predictor

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
                predicted = _predict_photo(outputs, predictor, render)
            except PHOTO_ERRORS as error:
                progress.fail(outputs, error)
            else:
                progress.done(outputs, predicted)
    progress.summarise()
    return 1 if progress.failures else 0


def _predict_photo(outputs: PhotoOutputs, predictor: Predictor, render: Render | None) -> PhotoPrediction:
    predicted = predictor(outputs.photo, outputs.mask)
    predicted.export(outputs.mesh)
    if render is not None and outputs.preview is not None:
        save_preview(outputs.preview, predicted, outputs.mesh, render)
    return predicted


def _load_predictor(arguments: argparse.Namespace) -> Predictor:
    started = time.perf_counter()
    try:
        predictor = Predictor.from_pretrained(
            arguments.checkpoint, arguments.device, arguments.refine, _overrides(arguments)
        )
    except ModuleNotFoundError as error:
        raise UsageError(missing_package(error)) from error
    # The model, the settings, the device or the weights of the segmenter are missing or do not fit.
    except (ValueError, FileNotFoundError, RuntimeError) as error:
        raise UsageError(str(error)) from error
    seconds = time.perf_counter() - started
    print(f"model {predictor.name} on {device_name(predictor.device)}, loaded in {seconds:.1f} s", flush=True)
    return predictor


def _overrides(arguments: argparse.Namespace) -> dict[str, Any]:
    """Settings given on the command line: the files of ``--config``, then the other options."""
    weights: Path | None = arguments.segmenter_weights
    segmenter = {
        "kind": arguments.segmenter,
        "weights": weights and "file",
        "path": weights and str(weights),
        "categories": arguments.segmenter_category,
    }
    written = "refine" if arguments.refine else "reconstruct"
    options = {
        "dataset": {"images": {"segmenter": _given(segmenter)}},
        written: _given({"texture": arguments.texture}),
    }
    return merge(read_overlays(*arguments.config or []), options)


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


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
