"""Everything that one training run moves: networks, optimisers, randomness and the count of iterations."""

import copy
from dataclasses import dataclass, field

import torch
from torch import nn

from shelfnet.config.schema import Config
from shelfnet.losses.clip import ClipLoss
from shelfnet.losses.perceptual import PerceptualLoss
from shelfnet.networks.discriminator import Discriminator
from shelfnet.networks.shelfnet import ShelfNet


@dataclass
class Learner:
    """State of a run; ``iteration`` counts finished iterations."""

    config: Config
    model: ShelfNet
    discriminator: Discriminator
    generator_optimiser: torch.optim.Optimizer
    discriminator_optimiser: torch.optim.Optimizer
    randomness: torch.Generator
    average: ShelfNet | None
    perceptual: PerceptualLoss | None = None
    clip: ClipLoss | None = None
    iteration: int = 0
    history: list[tuple[int, str, float]] = field(default_factory=list)

    @property
    def device(self) -> torch.device:
        """Where the run happens."""
        return next(self.model.parameters()).device

    @property
    def result(self) -> ShelfNet:
        """The network that the run yields: the average of its iterates where one is kept, else the last."""
        return self.model if self.average is None else self.average

    def learning_rate(self) -> float:
        """Constant, then linear down to zero at the last iteration."""
        settings = self.config.train
        falling = max(settings.iterations - settings.constant_iterations, 1)
        share = min(1.0, (settings.iterations - self.iteration) / falling)
        return settings.learning_rate * max(share, 0.0)

    def modules(self) -> dict[str, nn.Module]:
        """Modules whose weights a checkpoint keeps."""
        kept: dict[str, nn.Module] = {"model": self.model, "discriminator": self.discriminator}
        return kept if self.average is None else {**kept, "average": self.average}

    def optimisers(self) -> dict[str, torch.optim.Optimizer]:
        """Optimisers whose state a checkpoint keeps."""
        return {"generator": self.generator_optimiser, "discriminator": self.discriminator_optimiser}

    @torch.no_grad()
    def update_average(self) -> None:
        """Move the average of the iterates a step towards the present one."""
        if self.average is None:
            return
        decay = min(self.config.train.ema_decay, (1 + self.iteration) / (10 + self.iteration))
        for kept, new in zip(self.average.parameters(), self.model.parameters(), strict=True):
            kept.lerp_(new, 1.0 - decay)


def build_model(config: Config, seed: int) -> ShelfNet:
    """Networks with weights drawn from ``seed``."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return ShelfNet(config.model, config.render)


def build_learner(config: Config, seed: int, device: torch.device) -> Learner:
    """A run before its first iteration; losses that need data (CLIP) are attached by the caller."""
    model = build_model(config, seed).to(device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed + 1)
        discriminator = Discriminator(config.model.discriminator, config.model.renderer.resolution_px).to(device)
    rate = config.train.learning_rate
    return Learner(
        config=config,
        model=model,
        discriminator=discriminator,
        generator_optimiser=torch.optim.Adam(model.parameters(), rate, betas=(0.5, 0.99)),
        discriminator_optimiser=torch.optim.Adam(discriminator.parameters(), rate, betas=(0.5, 0.99)),
        randomness=torch.Generator(device).manual_seed(seed),
        average=copy.deepcopy(model).requires_grad_(False) if config.train.ema_decay > 0 else None,
        perceptual=PerceptualLoss(config.perceptual).to(device) if config.losses.perceptual > 0 else None,
    )
