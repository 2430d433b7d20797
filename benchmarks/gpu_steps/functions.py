"""Resumed training, prediction, refinement and discovery on the device."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from measuring import strict_float32
from refine import CAMERA_DISTANCE, FOV, problem
from train_step import ROOT, build_config, generated_store, with_train

from gpu_steps.comparison import CPU, RandomNumbersOfTheCpu, relative_difference
from gpu_steps.task import SMALL_SETTINGS, Recorder, Task
from shelfnet.config.discovery import DiscoverySettings
from shelfnet.config.load import load_config
from shelfnet.config.meshes import RefineSettings
from shelfnet.config.render import RenderSettings
from shelfnet.config.stage_inputs import TrainInputs
from shelfnet.devices import pick_device
from shelfnet.discovery.expectation_maximisation import Discovery, discover, pyramid_sizes
from shelfnet.discovery.image_pyramid import ImagePyramid
from shelfnet.evaluation.neighbours import neighbour_index
from shelfnet.prediction.predictor import Predictor
from shelfnet.reconstruction.refinement import refine_meshes
from shelfnet.training.acceleration.devices import tune_backends
from shelfnet.training.context import build_context
from shelfnet.training.loop import Hooks, train
from shelfnet.training.resume import Signature, load_progress, save_progress
from shelfnet.training.state import TrainState, build_state

PHOTOS = ("armchair_green.jpg", "windsor.jpg")
UNSIGNED = Signature("", "", "")


def run(task: Task, recorder: Recorder) -> None:
    """Check each in turn."""
    device = pick_device(task.device)
    tune_backends(device, "float32")
    with strict_float32():
        recorder.check("a resumed training continues", lambda: resumed(task, device))
        recorder.check("prediction", lambda: predicted(task, device, refine=False))
        recorder.check("prediction with refinement", lambda: predicted(task, device, refine=True))
        recorder.check("refinement", lambda: refined(task, device))
        recorder.check("discovery", lambda: discovered(task, device))


def resumed(task: Task, device: torch.device) -> dict[str, Any]:
    """Losses of four iterations, and of the last two after a restart."""
    overlays = (SMALL_SETTINGS,) if task.rehearse else ()
    settings = {"iterations": 4, "precision": "float32", "compile": "none", "log_every": 1, "checkpoint_every": 2}
    config = with_train(build_config(overlays, "base", 2), settings)
    folder = task.scratch / "resume"
    whole, first = build_state(config.model, config.render, config.train, 0, device), []
    saved = Hooks(
        validate=lambda *_: {},
        record=lambda *values: first.append(values),
        save=lambda state: save_progress(folder, state, UNSIGNED) if state.iteration == 2 else None,
    )
    _train(config, whole, saved)
    continued, second = build_state(config.model, config.render, config.train, 1, device), []
    if not load_progress(folder, continued, UNSIGNED):
        return {"passed": False, "error": "no progress was found"}
    _train(config, continued, replace(saved, record=lambda *values: second.append(values), save=lambda _: None))
    weights = relative_difference(continued.model.parameters(), whole.model.parameters())
    iterations = [[iteration for iteration, values in each if "loss/total" in values] for each in (first, second)]
    return {
        "passed": iterations == [[1, 2, 3, 4], [3, 4]] and weights < 1e-3,
        "iterations": iterations,
        "weight_error": weights,
    }


def _train(config: TrainInputs, state: TrainState, hooks: Hooks) -> None:
    store = generated_store(config, state.device)
    train(state, build_context(config, state.device), store, hooks, "resume")


def predicted(task: Task, device: torch.device, refine: bool) -> dict[str, Any]:
    """Meshes of two photos by the packaged model: shape, view and mask on the device and on the CPU.

    A refinement repeats discrete choices, such as the nearest faces of a pixel, so that its rounding errors grow.
    """
    photos = [str(ROOT / "examples" / name) for name in PHOTOS[: 1 if task.rehearse else 2]]
    overrides = {"refine": {"iterations": 3 if task.rehearse else 20}}
    meshes = [
        Predictor.from_pretrained(device=each.type, refine=refine, overrides=overrides).predict_batch(photos)
        for each in (CPU, device)
    ]
    distance = max(_mean_distance(*(each.mesh.mesh.vertices for each in pair)) for pair in zip(*meshes, strict=True))
    iou = max(abs(first.mask_iou - second.mask_iou) for first, second in zip(*meshes, strict=True))
    turns = [first.view.azimuth_deg - second.view.azimuth_deg for first, second in zip(*meshes, strict=True)]
    azimuth = max(abs((turn + 180.0) % 360.0 - 180.0) for turn in turns)
    limits = (5e-3, 2e-2, 1.0) if refine else (1e-4, 1e-3, 0.1)
    return {
        "passed": all(value <= limit for value, limit in zip((distance, iou, azimuth), limits, strict=True)),
        "mean_distance": distance,
        "mask_iou_difference": iou,
        "azimuth_difference_deg": azimuth,
        "limits": limits,
        "seconds_a_photo": [float(np.mean([one.seconds for one in each])) for each in meshes],
    }


def _mean_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Mean distance of each vertex to the nearest of the other mesh, over both directions."""
    there, back = neighbour_index(second)(first).distances, neighbour_index(first)(second).distances
    return float(0.5 * (there.mean() + back.mean()))


def refined(task: Task, device: torch.device) -> dict[str, Any]:
    """Vertices and views after a few steps of a refinement, relative to how far they moved."""
    settings = RefineSettings(iterations=4, resolution_px=24 if task.rehearse else 64, smoothing_length=0.07)
    results = [
        refine_meshes(*problem(2, 80 if task.rehearse else 1000, settings, each), settings, FOV, CAMERA_DISTANCE)
        for each in (CPU, device)
    ]
    vertices = [np.concatenate([one.mesh.vertices for one in each]) for each in results]
    views = [np.array([[one.azimuth, one.elevation] for one in each]) for each in results]
    start = np.concatenate([mesh.vertices for mesh in problem(2, 80 if task.rehearse else 1000, settings, CPU)[0]])
    moved = float(np.abs(vertices[0] - start).mean())
    error = float(np.abs(vertices[1] - vertices[0]).mean())
    return {
        "passed": moved > 1e-4 and error <= 0.05 * moved and float(np.abs(views[1] - views[0]).max()) < 1e-2,
        "mean_move": moved,
        "mean_error": error,
        "view_error_rad": float(np.abs(views[1] - views[0]).max()),
    }


def discovered(task: Task, device: torch.device) -> dict[str, Any]:
    """Shared shapes and posteriors over views of generated images after short stages, with the same draws."""
    settings = DiscoverySettings(
        shapes=2, first_steps=6, rounds=1, steps_per_round=2, **({"grid_resolution": 8} if task.rehearse else {})
    )
    overlays = (SMALL_SETTINGS,) if task.rehearse else ()
    config = load_config(ROOT / "config.yaml", *overlays)
    images = generated_store(build_config(overlays, "base", 2), CPU).rgba.numpy()
    found = [_discover(images, settings, config.render, each) for each in (CPU, device)]
    logits, views = (relative_difference(*([getattr(each, name)] for each in found)) for name in ("logits", "views"))
    return {"passed": logits < 1e-2 and views < 5e-2, "logit_error": logits, "posterior_error": views}


def _discover(
    images: np.ndarray, settings: DiscoverySettings, render: RenderSettings, device: torch.device
) -> Discovery:
    with RandomNumbersOfTheCpu():
        pyramid = ImagePyramid(images, np.arange(len(images)), pyramid_sizes(settings), device)
        return discover(pyramid, settings, render, device.type)
