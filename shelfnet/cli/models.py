"""The model that a command predicts with, and the settings given for it on the command line."""

import argparse
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shelfnet.cli.errors import UsageError, missing_package
from shelfnet.config.load import merge, read_overlays
from shelfnet.data.shown_names import printable
from shelfnet.devices import device_name
from shelfnet.prediction.predictor import Predictor


def load_predictor(
    arguments: argparse.Namespace, refine: bool = True, mesh: Mapping[str, Any] | None = None
) -> Predictor:
    """Load the model of a command line and print its name.

    Args:
        arguments: Options that :func:`shelfnet.cli.main.add_model_options` defines.
        refine: Whether to fit mesh and camera to the photo.
        mesh: Settings of the stage whose mesh is the result; ``None`` stands for that of the checkpoint.

    Raises:
        UsageError: The model, the settings, the device or the weights of the segmenter are missing or do not fit.
    """
    started = time.perf_counter()
    try:
        overrides = _overrides(arguments, {"refine" if refine else "reconstruct": _given(mesh or {})})
        predictor = Predictor.from_pretrained(arguments.checkpoint, arguments.device, refine, overrides)
    except ModuleNotFoundError as error:
        raise UsageError(missing_package(error)) from error
    except (ValueError, FileNotFoundError, RuntimeError) as error:
        raise UsageError(str(error)) from error
    seconds = time.perf_counter() - started
    text = f"model {predictor.name} on {device_name(predictor.device)}, loaded in {seconds:.1f} s"
    print(printable(text), flush=True)
    return predictor


def _overrides(arguments: argparse.Namespace, meshes: Mapping[str, Any]) -> dict[str, Any]:
    """Settings given on the command line: the files of ``--config``, then the other options."""
    weights: Path | None = arguments.segmenter_weights
    segmenter = {
        "kind": arguments.segmenter,
        "weights": weights and "file",
        "path": weights and str(weights),
        "categories": arguments.segmenter_category,
    }
    options = {"dataset": {"images": {"segmenter": _given(segmenter)}}, **meshes}
    return merge(read_overlays(*arguments.config or []), options)


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}
