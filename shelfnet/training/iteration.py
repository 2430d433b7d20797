"""One iteration: the generator's phase and those that follow it, run as they are or replayed as CUDA graphs."""

import dataclasses
from collections.abc import Callable, Hashable
from typing import Any

from shelfnet.training.batches import Batch
from shelfnet.training.compiled import compile_networks
from shelfnet.training.graphs import CudaGraphed
from shelfnet.training.learner import Learner
from shelfnet.training.phases import Forward, Scalars, discriminator_phases, generator_phase

Runner = Callable[..., Any]


class Iteration:
    """The phases of a learner, compiled as its settings ask for.

    Args:
        learner: whose networks and optimisers move.
    """

    def __init__(self, learner: Learner) -> None:
        self.learner = learner
        asked = learner.config.train.compile
        on_cuda = learner.device.type == "cuda"
        if asked in ("networks", "graphs") or (asked == "auto" and on_cuda):
            compile_networks(learner)
        runner = _replaying(learner) if on_cuda and asked in ("graphs", "auto") else _as_it_is
        self.generator = runner(generator_phase)
        self.phases = [(phase.every, runner(phase.run)) for phase in discriminator_phases(learner)]
        self.held = StaticInputs() if on_cuda else None
        self.last_forward: Forward | None = None

    def __call__(self, batch: Batch) -> Scalars:
        """Move networks and optimisers by one iteration; its terms, on the device, and the last of the lazy phases."""
        learner = self.learner
        learner.follow_schedules()
        batch = batch if self.held is None else self.held.hold(batch)
        stage = batch.targets.shape
        forward, terms = self.generator(stage, learner, batch)
        terms = dict(terms)
        # Only a replayed generator leaves its renders where they were, for other graphs to read.
        what_follows: Hashable = stage if forward is self.last_forward else object()
        self.last_forward = forward
        for every, phase in self.phases:
            if learner.iteration % every == 0:
                learner.last_lazy_terms |= phase(what_follows, learner, forward)
        return terms | learner.last_lazy_terms


class StaticInputs:
    """A batch whose tensors stay where they are while its size stays the same, for graphs to read."""

    def __init__(self) -> None:
        self.batch: Batch | None = None

    def hold(self, batch: Batch) -> Batch:
        """The same values, in the place where those of the last batch were."""
        if self.batch is None or self.batch.targets.shape != batch.targets.shape:
            self.batch = batch
        for member in dataclasses.fields(batch):
            getattr(self.batch, member.name).copy_(getattr(batch, member.name))
        return self.batch


def _replaying(learner: Learner) -> Callable[[Callable[..., Any]], Runner]:
    return lambda function: CudaGraphed(function, learner.rng)


def _as_it_is(function: Callable[..., Any]) -> Runner:
    def run(_key: Hashable, learner: Learner, argument: Batch | Forward) -> Any:
        return function(learner, argument)

    return run
