"""One iteration of every ablation on the device against the CPU: loss terms and gradients."""

from collections.abc import Iterator
from typing import Any

import torch
from measuring import strict_float32
from train_step import ROOT, build_config, generated_store, random_clip, with_train

from gpu_steps.comparison import BFLOAT16, CPU, FLOAT32, Outcome, RandomNumbersOfTheCpu, compare
from gpu_steps.iteration_speed import with_kernel
from gpu_steps.task import SMALL_SETTINGS, Recorder, Task
from shelfnet.config.load import load_config, merge
from shelfnet.config.stage_inputs import TrainInputs
from shelfnet.devices import pick_device
from shelfnet.training.acceleration.devices import tune_backends
from shelfnet.training.context import build_context
from shelfnet.training.loop import Iteration
from shelfnet.training.state import build_state

PAPER_ABLATIONS = ("base", "triplane", "se3", "clip")
STANDING_STILL = 1e-20
"""Learning rate with which the phases of an iteration all see the first weights: a step of Adam on a tiny gradient has
the sign of its rounding error."""

Case = tuple[str, TrainInputs]


def run(task: Task, recorder: Recorder) -> None:
    """Compare all cases in float32, and those of the paper's sizes in bfloat16 too."""
    device = pick_device(task.device)
    for name, config in paper_cases(task):
        expected = one_iteration(config, CPU)
        for precision, tolerance in (("float32", FLOAT32), ("bfloat16", BFLOAT16)):
            own = with_train(config, {"precision": precision})
            recorder.check(
                f"{name}, {precision}",
                lambda own=own, expected=expected, tolerance=tolerance: compare(
                    one_iteration(own, device), expected, tolerance
                ),
            )
    for name, config in embedded_cases(task):
        recorder.check(
            f"{name}, float32",
            lambda config=config: compare(
                one_iteration(config, device), one_iteration(with_kernel(config, "auto"), CPU), FLOAT32
            ),
        )


def paper_cases(task: Task) -> Iterator[Case]:
    """The paper's networks, with two images."""
    for name in ("base", "clip") if task.rehearse else PAPER_ABLATIONS:
        yield (
            f"{name}, {'small' if task.rehearse else 'paper'} sizes",
            standing_still(build_config(task.paper_sizes, name, 2)),
        )


def embedded_cases(task: Task) -> Iterator[Case]:
    """Every ablation of ``config.yaml`` at its own sizes, and base with what none of them has: kernels and R1."""
    overlays = (SMALL_SETTINGS,) if task.rehearse else ()
    for name in ("best",) if task.rehearse else load_config(ROOT / "config.yaml").ablations:
        yield name, standing_still(build_config(overlays, name, 2 if task.rehearse else 8))
    base = standing_still(build_config(overlays, "base", 2))
    for kernel in ("triton", "triton_visibility"):
        yield f"base with renderer.kernel: {kernel}", with_kernel(base, kernel)
    penalised = merge(base.model_dump(mode="json"), {"losses": {"r1_gamma": 1.0}})
    yield "base with R1", TrainInputs.model_validate(penalised)


def standing_still(config: TrainInputs) -> TrainInputs:
    """The same inputs in eager float32, with a learning rate that changes no weight."""
    return with_train(config, {"precision": "float32", "compile": "none", "learning_rate": STANDING_STILL})


def one_iteration(config: TrainInputs, device: torch.device) -> Outcome:
    """Loss terms and gradients of the first iteration, with the same weights, images and draws on every device."""
    with strict_float32(), RandomNumbersOfTheCpu():
        tune_backends(device, "float32")
        state = build_state(config.model, config.render, config.train, 0, device)
        store = generated_store(config, device)
        context = build_context(config, device, seeded_clip(config, store.captions, device))
        state.model.train()
        terms = Iteration(state, context)(store.draw(config.train.batch_size, state.rng))
        return Outcome.of(terms, {"model": state.model, "discriminator": state.discriminator})


def seeded_clip(config: TrainInputs, captions: list[str], device: torch.device) -> Any:
    """The CLIP loss with random weights, the same on every device; ``None`` without one."""
    if config.losses.clip == 0:
        return None
    torch.manual_seed(0)
    return random_clip(config, captions).to(device)
