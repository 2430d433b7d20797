"""``shelfnet predict``: photos to mesh files."""

import argparse
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from shelfnet.cli.errors import UsageError, missing_package
from shelfnet.cli.outputs import PhotoOutputs, destinations, plan_outputs
from shelfnet.cli.previews import save_preview
from shelfnet.cli.progress import Progress
from shelfnet.config.load import merge, read_overlays
from shelfnet.data.photographs.reader import PhotoError
from shelfnet.data.shards.encoding import UnusableImageError
from shelfnet.devices import device_name
from shelfnet.prediction.photo_prediction import PhotoPrediction
from shelfnet.prediction.predictor import EmptyMeshError, Predictor
from shelfnet.prediction.turntable import save_turntable

PHOTO_ERRORS = (PhotoError, UnusableImageError, EmptyMeshError, OSError)
"""Errors of a single photo or its output files, after which the next photo follows."""


def predict(arguments: argparse.Namespace) -> int:
    """Predict the meshes of the photos on a command line.

    Returns:
        0 if every photo has a mesh, else 1.

    Raises:
        UsageError: The command cannot start.
    """
    wanted = destinations(arguments.output, arguments.format, arguments.preview, arguments.turntable)
    planned = plan_outputs(arguments.photos, arguments.mask, wanted)
    progress = Progress(len(planned))
    predictor = replace(_load_predictor(arguments), on_step=progress.step)
    for outputs in planned:
        progress.start(outputs)
        try:
            predicted = _predict_photo(outputs, predictor)
        except PHOTO_ERRORS as error:
            progress.fail(outputs, error)
        else:
            progress.done(outputs, predicted)
    progress.summarise()
    return 1 if progress.failures else 0


def _predict_photo(outputs: PhotoOutputs, predictor: Predictor) -> PhotoPrediction:
    predicted = predictor(outputs.photo, outputs.mask)
    predicted.export(outputs.mesh)
    if outputs.preview is not None:
        save_preview(outputs.preview, predicted)
    if outputs.turntable is not None:
        save_turntable(outputs.turntable, predicted.mesh, predicted.view)
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
    mesh = {"texture": arguments.texture, "texture_px": arguments.texture_size, "max_faces": arguments.faces}
    options = {"dataset": {"images": {"segmenter": _given(segmenter)}}, written: _given(mesh)}
    return merge(read_overlays(*arguments.config or []), options)


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}
