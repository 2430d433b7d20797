"""State of a training run: everything that a step changes and a checkpoint holds."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from shelfnet.config.networks import ModelSettings
from shelfnet.config.render import RenderSettings
from shelfnet.config.train import TrainSettings
from shelfnet.networks.discriminator import Discriminator
from shelfnet.networks.shelfnet import ShelfNet
from shelfnet.training.acceleration.devices import move_to_device
from shelfnet.training.acceleration.optimisers import fused_adam
from shelfnet.training.schedules import smallest_render_px

Scalars = dict[str, Tensor]
"""Named scalar tensors: loss terms and health figures."""


@dataclass
class TrainState:
    """Everything that training changes.

    Attributes:
        model: Encoder, decoder and renderer.
        discriminator: D of Eq. 7.
        average: Exponential moving average of the model's weights; none where ``ema_decay`` is 0.
        generator_optimiser: Optimiser of ``model``.
        discriminator_optimiser: Optimiser of ``discriminator``.
        rng: Generator of every random number of the run, on the run's device.
        iteration: Number of finished iterations.
        history: Logged metrics as (iteration, name, value).
        last_lazy_terms: Latest terms of the phases that do not run in every iteration.
    """

    model: ShelfNet
    discriminator: Discriminator
    average: ShelfNet | None
    generator_optimiser: torch.optim.Optimizer
    discriminator_optimiser: torch.optim.Optimizer
    rng: torch.Generator
    iteration: int = 0
    history: list[tuple[int, str, float]] = field(default_factory=list)
    last_lazy_terms: Scalars = field(default_factory=dict)

    @property
    def device(self) -> torch.device:
        """Device of the run."""
        return next(self.model.parameters()).device

    @property
    def result(self) -> ShelfNet:
        """The network that the run yields: the moving average if there is one, else the latest weights."""
        return self.model if self.average is None else self.average

    def modules(self) -> dict[str, nn.Module]:
        """Networks whose weights a checkpoint holds, by name."""
        modules: dict[str, nn.Module] = {"model": self.model, "discriminator": self.discriminator}
        return modules if self.average is None else {**modules, "average": self.average}

    def optimisers(self) -> dict[str, torch.optim.Optimizer]:
        """Optimisers whose state a checkpoint holds, by name."""
        return {"generator": self.generator_optimiser, "discriminator": self.discriminator_optimiser}

    def start_from(self, weights: Mapping[str, Tensor]) -> None:
        """Set the weights of ``model`` and of its average."""
        self.model.load_state_dict(weights)
        if self.average is not None:
            self.average.load_state_dict(weights)

    @torch.no_grad()
    def update_average(self, decay: float) -> None:
        """Move the average towards the latest weights; ``decay`` warms up as in TensorFlow's moving averages."""
        if self.average is None:
            return
        decay = min(decay, (1 + self.iteration) / (10 + self.iteration))
        torch._foreach_lerp_(list(self.average.parameters()), list(self.model.parameters()), 1.0 - decay)  # pyright: ignore[reportPrivateImportUsage]


def build_model(settings: ModelSettings, render: RenderSettings, seed: int) -> ShelfNet:
    """Untrained networks with weights drawn from ``seed``."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return ShelfNet(settings, render)


def build_state(
    model: ModelSettings, render: RenderSettings, train: TrainSettings, seed: int, device: torch.device
) -> TrainState:
    """State of a run before its first iteration.

    Args:
        model: Network settings.
        render: Camera and view prior.
        train: Optimiser settings and schedules.
        seed: Seed of weights, batches and views.
        device: Device of the run.
    """
    network = move_to_device(build_model(model, render, seed), device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed + 1)
        discriminator = Discriminator(model.discriminator, smallest_render_px(train, model.renderer.resolution_px))
    discriminator = move_to_device(discriminator, device)
    return TrainState(
        model=network,
        discriminator=discriminator,
        average=copy.deepcopy(network).requires_grad_(False).eval() if train.ema_decay > 0 else None,
        generator_optimiser=fused_adam(network, train.learning_rate),
        discriminator_optimiser=fused_adam(discriminator, train.learning_rate),
        rng=torch.Generator(device).manual_seed(seed),
    )
