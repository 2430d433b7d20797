"""Everything that one training run moves: networks, optimisers, randomness and the count of iterations."""

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor, nn

from shelfnet.config.stage_inputs import TrainInputs
from shelfnet.losses.perceptual import PerceptualLoss
from shelfnet.networks.discriminator import Discriminator
from shelfnet.networks.shelfnet import ShelfNet
from shelfnet.training.curriculum import latent_share, render_px, smallest_px
from shelfnet.training.device import to_channels_last
from shelfnet.training.optimisers import adam, set_rate
from shelfnet.training.precision import mixed_precision
from shelfnet.training.shares import Share

if TYPE_CHECKING:  # CLIP's package is needed by those alone who use it
    from shelfnet.losses.clip import ClipLoss


@dataclass
class Learner:
    """State of a run; ``iteration`` counts finished iterations, ``lately`` holds the last terms of lazy phases."""

    config: TrainInputs
    model: ShelfNet
    discriminator: Discriminator
    generator_optimiser: torch.optim.Optimizer
    discriminator_optimiser: torch.optim.Optimizer
    rng: torch.Generator
    average: ShelfNet | None
    perceptual: PerceptualLoss | None = None
    clip: "ClipLoss | None" = None
    iteration: int = 0
    history: list[tuple[int, str, float]] = field(default_factory=list)
    share: Share = field(default_factory=Share)
    latent_share: Float[Tensor, ""] = field(default_factory=lambda: torch.ones(()))
    last_lazy_terms: dict[str, Float[Tensor, ""]] = field(default_factory=dict)

    @property
    def device(self) -> torch.device:
        """Where the run happens."""
        return next(self.model.parameters()).device

    @property
    def result(self) -> ShelfNet:
        """The network that the run yields: the average of its iterates where one is kept, else the last."""
        return self.model if self.average is None else self.average

    def uniform(self, rows: int, *shape: int) -> Float[Tensor, "rows *shape"]:
        """Random numbers in [0, 1) for this process's rows of a batch."""
        whole = (self.share.whole(rows), *shape)
        return self.share.take(torch.rand(whole, generator=self.rng, device=self.device))

    def jitter(self, views: int, resolution_px: int) -> Float[Tensor, "v p 1"]:
        """Random places of the samples of images within their steps along the rays."""
        return self.uniform(views, resolution_px**2, 1)

    def autocast(self) -> torch.autocast:
        """A context in which networks calculate in the run's precision; weights and optimisers stay float32."""
        return mixed_precision(self.device, self.config.train.precision)

    def follow_schedules(self) -> None:
        """Give the optimisers the rate, and the latent the share, of the coming iteration.

        The share is a tensor, written in place: work that was recorded as a CUDA graph reads the new value.
        """
        for optimiser in self.optimisers().values():
            set_rate(optimiser, self.learning_rate())
        self.latent_share.fill_(latent_share(self.config.train, self.iteration))

    def learning_rate(self) -> float:
        """Constant, then linear down to zero at the last iteration."""
        settings = self.config.train
        falling = max(settings.iterations - settings.constant_iterations, 1)
        share = min(1.0, (settings.iterations - self.iteration) / falling)
        return settings.learning_rate * max(share, 0.0)

    def render_px(self) -> int:
        """Side of the renders of the present iteration."""
        return render_px(self.config.train, self.config.model.renderer, self.iteration)

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
        torch._foreach_lerp_(list(self.average.parameters()), list(self.model.parameters()), 1.0 - decay)


def build_model(config: TrainInputs, seed: int) -> ShelfNet:
    """Networks with weights drawn from ``seed``."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return ShelfNet(config.model, config.render)


def build_learner(config: TrainInputs, seed: int, device: torch.device) -> Learner:
    """A run before its first iteration; losses that need data (CLIP) are attached by the caller."""
    place = _on_tensor_cores if device.type == "cuda" else nn.Module.to
    model = place(build_model(config, seed), device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed + 1)
        discriminator = Discriminator(config.model.discriminator, smallest_px(config.train, config.model.renderer))
    discriminator = place(discriminator, device)
    rate = config.train.learning_rate
    learner = Learner(
        config=config,
        model=model,
        discriminator=discriminator,
        generator_optimiser=adam(model, rate),
        discriminator_optimiser=adam(discriminator, rate),
        rng=torch.Generator(device).manual_seed(seed),
        average=copy.deepcopy(model).requires_grad_(False) if config.train.ema_decay > 0 else None,
        perceptual=None if config.perceptual is None else place(PerceptualLoss(config.perceptual), device),
        latent_share=torch.ones((), device=device),
    )
    learner.follow_schedules()
    return learner


def _on_tensor_cores(network: nn.Module, device: torch.device) -> nn.Module:
    return to_channels_last(network.to(device))
