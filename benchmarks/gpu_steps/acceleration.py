"""bfloat16, compiled and captured training against eager training on the same device, over several iterations."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from measuring import strict_float32
from train_step import build_config, generated_store, make_step, with_train

from gpu_steps.comparison import BFLOAT16, Outcome, compare
from gpu_steps.iteration_speed import PATHS
from gpu_steps.losses import STANDING_STILL
from gpu_steps.task import Recorder, Task
from shelfnet.config.stage_inputs import TrainInputs
from shelfnet.devices import pick_device
from shelfnet.training.acceleration.devices import tune_backends

ITERATIONS = 8
"""Enough for every phase to run eagerly, be captured and be replayed."""


def run(task: Task, recorder: Recorder) -> None:
    """Compare eager bfloat16 with eager float32, and the compiled and captured paths with eager bfloat16."""
    device = pick_device(task.device)
    config = build_config(task.paper_sizes, "base", 2 if task.rehearse else None)
    config = with_train(config, {"learning_rate": STANDING_STILL})
    with strict_float32():
        exact, _ = several_iterations(with_train(config, PATHS["eager float32"]), device)
    eager, _ = several_iterations(with_train(config, PATHS["eager bfloat16"]), device)
    recorder.check("eager bfloat16 against eager float32", lambda: compare(eager, exact, BFLOAT16))
    recorder.check(
        "compiled against eager bfloat16",
        lambda: compare(several_iterations(with_train(config, PATHS["compiled"]), device)[0], eager, BFLOAT16),
    )
    recorder.check("captured against eager bfloat16", lambda: _captured(config, eager, device))


def _captured(config: TrainInputs, eager: Outcome, device: torch.device) -> dict[str, Any]:
    captured, replays = several_iterations(with_train(config, PATHS["captured"]), device)
    compared = compare(captured, eager, BFLOAT16)
    was_replayed = replays > 0 or device.type == "cpu"
    return {**compared, "replays": replays, "passed": compared["passed"] and was_replayed}


def several_iterations(config: TrainInputs, device: torch.device) -> tuple[Outcome, int]:
    """Loss terms of all iterations and gradients of the last one; the number of graphs that were replayed."""
    tune_backends(device, config.train.precision)
    state, _, step = make_step(config, generated_store(config, device), device)
    terms: dict[str, torch.Tensor] = {}
    with counted_replays() as replays:
        for iteration in range(ITERATIONS):
            terms |= {f"{name} {iteration}": value.clone() for name, value in step().items()}
    return Outcome.of(terms, {"model": state.model, "discriminator": state.discriminator}), len(replays)


@contextmanager
def counted_replays() -> Iterator[list[None]]:
    """A list that grows with every replay of a CUDA graph."""
    original, replays = torch.cuda.CUDAGraph.replay, []

    def replay(graph: torch.cuda.CUDAGraph) -> None:
        replays.append(None)
        original(graph)

    torch.cuda.CUDAGraph.replay = replay
    try:
        yield replays
    finally:
        torch.cuda.CUDAGraph.replay = original
