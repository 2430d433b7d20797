"""The loop: batch, phases, average, log, validation, checkpoint."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from shelfnet.networks.shelfnet import ShelfNet
from shelfnet.training.batches import PictureStore
from shelfnet.training.learner import Learner
from shelfnet.training.phases import Scalars, check_finite, discriminator_phases, generator_phase

log = logging.getLogger(__name__)

SHOWN = ("total", "mask", "rgb", "content_view", "adversarial", "clip", "discriminator")
"""Terms on the progress line; all of them are in the metrics."""


@dataclass(frozen=True)
class Hooks:
    """What a caller wants to happen along the way.

    Attributes:
        validate: measures the present result; never chooses a checkpoint.
        record: takes numbers at an iteration.
        save: keeps the run's progress.
    """

    validate: Callable[[ShelfNet, int], dict[str, float]]
    record: Callable[[int, dict[str, float]], None]
    save: Callable[[Learner], None]


def run(learner: Learner, store: PictureStore, hooks: Hooks, name: str) -> None:
    """Train from the learner's iteration to the configured last one.

    Raises:
        NonFiniteLossError: a loss is no finite number.
    """
    settings = learner.config.train
    phases = discriminator_phases(learner)
    clock = ProgressClock(learner.iteration, settings.iterations)
    on_cpu = learner.device.type == "cpu"
    while learner.iteration < settings.iterations:
        learner.model.train()
        batch = store.draw(settings.batch_size, learner.randomness)
        forward, terms = generator_phase(learner, batch)
        for phase in phases:
            if learner.iteration % phase.every == 0:
                terms |= phase.run(learner, forward)
        learner.iteration += 1
        learner.update_average()
        logs = _is_due(learner.iteration, settings.log_every, settings.iterations)
        if logs or on_cpu:
            check_finite(terms, learner.iteration)
        if logs:
            _log(learner, terms, hooks, clock, name)
        if _is_due(learner.iteration, settings.validate_every, settings.iterations):
            validate(learner, hooks, name)
        if learner.iteration % settings.checkpoint_every == 0:
            hooks.save(learner)


class ProgressClock:
    """Iterations a second since the run (re)started, and the time left at that rate."""

    def __init__(self, first: int, last: int) -> None:
        self.first, self.last = first, last
        self.started = time.perf_counter()

    def rate(self, iteration: int) -> float:
        """Iterations a second."""
        return (iteration - self.first) / max(time.perf_counter() - self.started, 1e-9)

    def left(self, iteration: int) -> str:
        """Time left, as minutes and seconds."""
        seconds = int((self.last - iteration) / max(self.rate(iteration), 1e-9))
        return f"{seconds // 60}m{seconds % 60:02d}s"


def _log(learner: Learner, terms: Scalars, hooks: Hooks, clock: ProgressClock, name: str) -> None:
    values = {key if "/" in key else f"loss/{key}": float(value) for key, value in terms.items()}
    iteration = learner.iteration
    values["speed/iterations_per_s"] = clock.rate(iteration)
    _remember(learner, values, hooks)
    shown = "  ".join(f"{key} {float(terms[key]):.3f}" for key in SHOWN if key in terms)
    log.info(
        "%s  %d/%d  %s  %.2f it/s  %s left",
        name,
        iteration,
        learner.config.train.iterations,
        shown,
        clock.rate(iteration),
        clock.left(iteration),
    )


def validate(learner: Learner, hooks: Hooks, name: str) -> None:
    """Measure the present result and remember the numbers."""
    learner.model.eval()
    with torch.no_grad():
        values = hooks.validate(learner.result, learner.iteration)
    _remember(learner, {f"validation/{key}": value for key, value in values.items()}, hooks)
    shown = "  ".join(f"{key} {value:.4f}" for key, value in values.items())
    log.info("%s  %d  validation: %s", name, learner.iteration, shown)


def _remember(learner: Learner, values: dict[str, float], hooks: Hooks) -> None:
    learner.history += [(learner.iteration, key, value) for key, value in values.items()]
    hooks.record(learner.iteration, values)


def _is_due(iteration: int, every: int, last: int) -> bool:
    return iteration % every == 0 or iteration == last
