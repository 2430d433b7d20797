"""The training loop: batch, phases, moving average, log, validation, checkpoint."""

import copy
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch

from shelfnet.networks.shelfnet import ShelfNet
from shelfnet.training.acceleration.compilation import compile_networks, networks_to_compile
from shelfnet.training.acceleration.cuda_graphs import GPU_LOCK, CudaGraphed, StaticInputs
from shelfnet.training.acceleration.optimisers import set_learning_rate
from shelfnet.training.batches import Batch, ImageStore
from shelfnet.training.context import TrainContext
from shelfnet.training.curves import VALIDATION
from shelfnet.training.discriminator_step import Renders, discriminator_step, r1_step
from shelfnet.training.generator_step import generator_step
from shelfnet.training.non_finite import FiniteCheck
from shelfnet.training.progress_clock import ProgressClock
from shelfnet.training.schedules import is_due, latent_scale, learning_rate, render_px, views_are_given
from shelfnet.training.state import Scalars, TrainState
from shelfnet.training.walltime import Walltime

log = logging.getLogger(__name__)

PROGRESS_TERMS = ("total", "mask", "rgb", "content_view", "adversarial", "clip", "discriminator")
"""Terms on the progress line; the metrics hold all terms."""


@dataclass(frozen=True)
class Hooks:
    """Callbacks of the loop.

    Attributes:
        validate: Measures a network at an iteration; never chooses a checkpoint.
        record: Takes named numbers at an iteration.
        save: Saves the state of the run.
        walltime: Time limit of the job; ``None`` where there is none.
    """

    validate: Callable[[ShelfNet, int], dict[str, float]]
    record: Callable[[int, dict[str, float]], None]
    save: Callable[[TrainState], None]
    walltime: Walltime | None = None


NO_HOOKS = Hooks(validate=lambda *_: {}, record=lambda *_: None, save=lambda _: None)
"""Hooks of the processes other than the main one."""

PhaseStep = Callable[[Batch, Any], tuple[Scalars, Renders]]
"""Takes the batch and the :class:`Renders` of the generator (``None`` for the generator itself), which come first in an
iteration; returns its terms and the renders."""


@dataclass(frozen=True)
class Phase:
    """An optimiser step that is taken every ``every`` iterations."""

    name: str
    every: int
    step: PhaseStep


def train_phases(state: TrainState, context: TrainContext) -> list[Phase]:
    """Phases of an iteration, in order, as the settings ask for them."""
    settings, losses = context.settings.train, context.settings.losses
    phases = [Phase("generator", 1, lambda batch, _: generator_step(state, context, batch))]
    if losses.adversarial > 0:
        step = partial(discriminator_step, state, context)
        phases.append(Phase("discriminator", settings.discriminator_every, step))
    if losses.adversarial > 0 and losses.r1_gamma > 0:
        phases.append(Phase("r1", settings.r1_every, partial(r1_step, state, context)))
    return phases


class Iteration:
    """The phases of a run, accelerated as ``train.compile`` asks for.

    Args:
        state: State that the phases change.
        context: Settings and frozen networks.
    """

    def __init__(self, state: TrainState, context: TrainContext) -> None:
        self.state, self.context = state, context
        self.phases = train_phases(state, context)
        self.static_batch: StaticInputs[Batch] | None = None
        mode, on_cuda = context.settings.train.compile, state.device.type == "cuda"
        if mode in ("networks", "graphs") or (mode == "auto" and on_cuda):
            networks = networks_to_compile(state.model, state.discriminator, context.perceptual, context.clip)
            compile_networks(networks, state.device)
        if mode in ("graphs", "auto") and on_cuda:
            self.static_batch = StaticInputs()
            self.phases = [replace(phase, step=_captured(phase.step, state.rng)) for phase in self.phases]

    def __call__(self, batch: Batch) -> Scalars:
        """Run the phases that are due.

        Returns:
            Terms of the iteration, on the device, with the latest terms of phases that were not due.
        """
        state = self.state
        follow_schedules(state, self.context)
        if self.static_batch is not None:
            batch = self.static_batch.hold(batch)
        terms: Scalars = {}
        renders = None
        for phase in self.phases:
            if state.iteration % phase.every == 0:
                new_terms, renders = phase.step(batch, renders)
                (terms if phase.every == 1 else state.last_lazy_terms).update(new_terms)
        return terms | state.last_lazy_terms


def follow_schedules(state: TrainState, context: TrainContext) -> None:
    """Set the learning rates and the latent scale of the coming iteration, in place."""
    settings = context.settings.train
    for optimiser in state.optimisers().values():
        set_learning_rate(optimiser, learning_rate(settings, state.iteration))
    context.latent_scale.fill_(latent_scale(settings, state.iteration))


def train(state: TrainState, context: TrainContext, store: ImageStore, hooks: Hooks, name: str) -> None:
    """Train from the iteration of ``state`` to the last one of the settings.

    Args:
        state: Fresh or resumed state, changed in place.
        context: Settings and frozen networks.
        store: Training images.
        hooks: Validation, metrics and checkpoints.
        name: Name of the run in the log.

    Raises:
        NonFiniteLossError: A loss is infinite or NaN.
        WalltimeError: The time of the job is up, and it cannot be requeued.
    """
    settings, distributed = context.settings.train, context.distributed
    full_px = context.settings.model.renderer.resolution_px
    run_iteration = Iteration(state, context)
    clock = ProgressClock(state.iteration, settings.iterations)
    validation = Validation(state, distributed.is_main, hooks, name)
    finite = FiniteCheck()
    state.model.train()
    while state.iteration < settings.iterations:
        size_px = render_px(settings, full_px, state.iteration)
        give_views = views_are_given(settings, state.iteration)
        batch = store.draw(settings.batch_size, state.rng, size_px, distributed, give_views=give_views)
        terms = run_iteration(batch)
        state.iteration += 1
        state.update_average(settings.ema_decay)
        log_is_due = is_due(state.iteration, settings.log_every, settings.iterations)
        is_last = state.iteration == settings.iterations
        time_is_up = not is_last and hooks.walltime is not None and hooks.walltime.is_up()
        save_is_due = state.iteration % settings.checkpoint_every == 0 or time_is_up
        finite.add(state.iteration, terms)
        if log_is_due or save_is_due or state.device.type == "cpu":  # a GPU is read only when it is read anyway
            finite.check()
        if log_is_due:
            _log_terms(state, context, terms, hooks, clock, name)
        if is_due(state.iteration, settings.validate_every, settings.iterations):
            validation.start()
        if save_is_due:  # the last iteration is published by the caller instead
            validation.finish()
            hooks.save(state)
        if hooks.walltime is not None and time_is_up:
            hooks.walltime.requeue()
    validation.finish()


class Validation:
    """Validates the present network: immediately on a CPU, in a thread on a GPU, since most of it is host work.

    Args:
        state: Run whose result is validated.
        is_main: Whether this process validates.
        hooks: What measures, and what takes the numbers.
        name: Name of the run in the log.
    """

    def __init__(self, state: TrainState, is_main: bool, hooks: Hooks, name: str) -> None:
        self.state, self.is_main, self.hooks, self.name = state, is_main, hooks, name
        self.executor = ThreadPoolExecutor(1) if state.device.type == "cuda" else None
        self.pending: tuple[int, Future[dict[str, float]]] | None = None

    def start(self) -> None:
        """Validate the network as it is now; in a thread, a copy of it."""
        if not self.is_main:
            return
        if self.executor is None:
            validate(self.state, self.hooks, self.name)
            self.state.model.train()
            return
        self.finish()
        snapshot = copy.deepcopy(self.state.result).eval()
        iteration = self.state.iteration
        self.pending = iteration, self.executor.submit(self._measure, snapshot, iteration)

    def _measure(self, snapshot: ShelfNet, iteration: int) -> dict[str, float]:
        with GPU_LOCK:
            return self.hooks.validate(snapshot, iteration)

    def finish(self) -> None:
        """Wait for a validation in the thread and record its numbers."""
        if self.pending is not None:
            iteration, future = self.pending
            self.pending = None
            _record_validation(self.state, iteration, future.result(), self.hooks, self.name)


def validate(state: TrainState, hooks: Hooks, name: str) -> None:
    """Validate the present network and record the numbers."""
    state.result.eval()
    with torch.no_grad():
        values = hooks.validate(state.result, state.iteration)
    _record_validation(state, state.iteration, values, hooks, name)


def _record_validation(state: TrainState, iteration: int, values: dict[str, float], hooks: Hooks, name: str) -> None:
    _record(state, iteration, {f"{VALIDATION}{key}": value for key, value in values.items()}, hooks)
    log.info("%s  %d  validation: %s", name, iteration, "  ".join(f"{k} {v:.4f}" for k, v in values.items()))


def _log_terms(
    state: TrainState, context: TrainContext, terms: Scalars, hooks: Hooks, clock: ProgressClock, name: str
) -> None:
    means = dict(zip(terms, context.distributed.mean(terms.values()), strict=True))
    if not context.distributed.is_main:
        return
    iteration, rate = state.iteration, clock.rate(state.iteration)
    values = {key if "/" in key else f"loss/{key}": value for key, value in means.items()}
    _record(state, iteration, values | {"speed/iterations_per_s": rate}, hooks)
    shown = "  ".join(f"{key} {means[key]:.3f}" for key in PROGRESS_TERMS if key in means)
    last, left = context.settings.train.iterations, clock.time_left(iteration)
    log.info("%s  %d/%d  %s  %.2f it/s  %s left", name, iteration, last, shown, rate, left)


def _record(state: TrainState, iteration: int, values: dict[str, float], hooks: Hooks) -> None:
    state.history += [(iteration, key, value) for key, value in values.items()]
    hooks.record(iteration, values)


def _captured(step: PhaseStep, rng: torch.Generator) -> PhaseStep:
    """A phase as a CUDA graph, captured anew where the size of the renders changes.

    The key holds the identity of the renders. The discriminator is therefore captured only once the generator's graph
    returns the same tensors at every replay.
    """
    graphed = CudaGraphed(step, rng)
    return lambda batch, renders: graphed((batch.targets.shape, renders), batch, renders)
