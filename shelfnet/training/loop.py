"""The loop: batch, phases, average, log, validation, checkpoint."""

import copy
import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import torch

from shelfnet.networks.shelfnet import ShelfNet
from shelfnet.training.batches import ImageStore
from shelfnet.training.finite import FiniteWatch
from shelfnet.training.graphs import ALONE_ON_THE_GPU
from shelfnet.training.iteration import Iteration
from shelfnet.training.learner import Learner
from shelfnet.training.terms import Scalars

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


NO_HOOKS = Hooks(validate=lambda *_: {}, record=lambda *_: None, save=lambda _: None)
"""Of the processes of a training that do not lead it."""


def iterate(learner: Learner, store: ImageStore, hooks: Hooks, name: str) -> None:
    """Train from the learner's iteration to the configured last one.

    Raises:
        NonFiniteLossError: a loss is no finite number.
    """
    settings = learner.config.train
    take_iteration = Iteration(learner)
    clock = ProgressClock(learner.iteration, settings.iterations)
    validations = Validations(learner, hooks, name)
    watch = FiniteWatch()
    on_cpu = learner.device.type == "cpu"
    learner.model.train()
    while learner.iteration < settings.iterations:
        batch = store.draw(settings.batch_size, learner.rng, learner.render_px(), learner.share)
        terms = take_iteration(batch)
        learner.iteration += 1
        learner.update_average()
        logs = _is_due(learner.iteration, settings.log_every, settings.iterations)
        saves = learner.iteration % settings.checkpoint_every == 0
        watch.add(learner.iteration, terms)
        if logs or saves or on_cpu:  # elsewhere, looking at a number waits for the device
            watch.look()
        if logs:
            _log(learner, terms, hooks, clock, name)
        if _is_due(learner.iteration, settings.validate_every, settings.iterations):
            validations.start()
        if saves:
            validations.finish()
            hooks.save(learner)
    validations.finish()


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


class Validations:
    """Measures the present result: at once on a CPU, beside the training where that is on a GPU.

    Args:
        learner: whose result is measured.
        hooks: how, and who takes the numbers.
        name: of the run, for the log.
    """

    def __init__(self, learner: Learner, hooks: Hooks, name: str) -> None:
        self.learner, self.hooks, self.name = learner, hooks, name
        self.beside = ThreadPoolExecutor(1) if learner.device.type == "cuda" else None
        self.running: list[tuple[int, Future]] = []

    def start(self) -> None:
        """Measure the network as it is now; where that happens beside the training, a copy of it."""
        if not self.learner.share.leads:
            return
        if self.beside is None:
            validate(self.learner, self.hooks, self.name)
            self.learner.model.train()
            return
        self.finish()
        copied = copy.deepcopy(self.learner.result).eval()
        iteration = self.learner.iteration
        self.running.append((iteration, self.beside.submit(self._measure, copied, iteration)))

    def _measure(self, copied: ShelfNet, iteration: int) -> dict[str, float]:
        with ALONE_ON_THE_GPU:
            return self.hooks.validate(copied, iteration)

    def finish(self) -> None:
        """Wait for what was started, and remember its numbers."""
        for iteration, future in self.running:
            _remember_validation(self.learner, iteration, future.result(), self.hooks, self.name)
        self.running = []


def validate(learner: Learner, hooks: Hooks, name: str) -> None:
    """Measure the present result and remember the numbers."""
    learner.model.eval()
    with torch.no_grad():
        values = hooks.validate(learner.result, learner.iteration)
    _remember_validation(learner, learner.iteration, values, hooks, name)


def _remember_validation(learner: Learner, iteration: int, values: dict[str, float], hooks: Hooks, name: str) -> None:
    _remember(learner, iteration, {f"validation/{key}": value for key, value in values.items()}, hooks)
    shown = "  ".join(f"{key} {value:.4f}" for key, value in values.items())
    log.info("%s  %d  validation: %s", name, iteration, shown)


def _log(learner: Learner, terms: Scalars, hooks: Hooks, clock: ProgressClock, name: str) -> None:
    numbers = dict(zip(terms, learner.share.mean(terms.values()), strict=True))
    if not learner.share.leads:
        return
    iteration = learner.iteration
    values = {key if "/" in key else f"loss/{key}": value for key, value in numbers.items()}
    values["speed/iterations_per_s"] = clock.rate(iteration)
    _remember(learner, iteration, values, hooks)
    shown = "  ".join(f"{key} {numbers[key]:.3f}" for key in SHOWN if key in numbers)
    log.info(
        "%s  %d/%d  %s  %.2f it/s  %s left",
        name,
        iteration,
        learner.config.train.iterations,
        shown,
        clock.rate(iteration),
        clock.left(iteration),
    )


def _remember(learner: Learner, iteration: int, values: dict[str, float], hooks: Hooks) -> None:
    learner.history += [(iteration, key, value) for key, value in values.items()]
    hooks.record(iteration, values)


def _is_due(iteration: int, every: int, last: int) -> bool:
    return iteration % every == 0 or iteration == last
