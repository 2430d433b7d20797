"""Speed of a training iteration of one ablation: eager, compiled and captured, with time by phase."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from typing import Any

import torch
from measuring import strict_float32
from train_step import build_config, generated_store, make_step, mean_work, measure_speed, phase_seconds, with_train

from gpu_steps.task import Recorder, Task
from shelfnet.config.load import merge
from shelfnet.config.stage_inputs import TrainInputs
from shelfnet.devices import pick_device
from shelfnet.training.acceleration.devices import tune_backends

PATHS = {
    "eager float32": {"precision": "float32", "compile": "none"},
    "captured": {"precision": "bfloat16", "compile": "graphs"},
    "compiled": {"precision": "bfloat16", "compile": "networks"},
    "eager bfloat16": {"precision": "bfloat16", "compile": "none"},
}
"""Settings of the training by path."""

TRITON_PATHS = {"captured, Triton": "triton", "captured, Triton for occupancy": "triton_visibility"}
"""Values of ``model.renderer.kernel`` by path; the kernels cover voxels."""


def run(task: Task, recorder: Recorder) -> None:
    """Count the work of an iteration, then measure every path of the ablation."""
    device = pick_device(task.device)
    config = build_config(task.paper_sizes, str(task.subject), 2 if task.rehearse else None)
    store = generated_store(config, device)
    with strict_float32():
        tune_backends(device, "float32")
        state, context, step = make_step(with_train(config, PATHS["eager float32"]), store, device)
        work = mean_work(state, context, step)
        phases = phase_seconds(state, context, store)
        del state, context, step
    recorder.put(ablation=task.subject, batch_size=config.train.batch_size, work=asdict(work), phases_s=phases)
    for path, chosen, precision in _paths(config, task.rehearse):
        if recorder.seconds_left < 5:
            recorder.append("rows", {"path": path, "error": "no time left"})
            continue
        with precision:
            tune_backends(device, chosen.train.precision)
            recorder.append("rows", _row(path, chosen, store, device, task))


def _paths(config: TrainInputs, rehearse: bool) -> Iterator[tuple[str, TrainInputs, AbstractContextManager]]:
    """Paths with their settings and the precision around them; those that matter most first."""
    float32, captured, *others = PATHS
    yield float32, with_train(config, PATHS[float32]), strict_float32()
    yield captured, with_train(config, PATHS[captured]), nullcontext()
    if config.model.decoder.representation != "triplane" and not rehearse:  # the interpreter would take minutes
        for path, kernel in TRITON_PATHS.items():
            yield path, with_kernel(with_train(config, PATHS[captured]), kernel), nullcontext()
    for path in others:
        yield path, with_train(config, PATHS[path]), nullcontext()


def with_kernel(config: TrainInputs, kernel: str) -> TrainInputs:
    """The same inputs with another kernel of the renderer."""
    return TrainInputs.model_validate(
        merge(config.model_dump(mode="json"), {"model": {"renderer": {"kernel": kernel}}})
    )


def _row(path: str, config: TrainInputs, store: Any, device: torch.device, task: Task) -> dict[str, Any]:
    """Seconds, rates and memory of one path, or the error that ended it."""
    seconds = 0.1 if task.rehearse else 4.0
    try:
        speed = measure_speed(config, store, device, seconds)
    except Exception as error:  # out of memory, say: the other paths are still measured
        return {"path": path, "error": f"{type(error).__name__}: {error}"[:500]}
    rate = 1 / speed.step_s
    images = config.train.batch_size * rate
    return {"path": path, **asdict(speed), "iterations_per_s": rate, "images_per_s": images}
