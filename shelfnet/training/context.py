"""What the steps of a training run share: settings, frozen networks, the process group and a scheduled value."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from shelfnet.config.stage_inputs import TrainInputs
from shelfnet.losses.perceptual import PerceptualLoss
from shelfnet.training.acceleration.devices import mixed_precision, move_to_device
from shelfnet.training.acceleration.distributed import DistributedContext

if TYPE_CHECKING:  # open_clip is needed only by runs with a CLIP loss
    from shelfnet.losses.clip import ClipLoss


@dataclass(frozen=True)
class TrainContext:
    """What the steps of a run share and do not train.

    Attributes:
        settings: Settings of the ablation.
        latent_scale: Scheduled factor of the latents before they are decoded, on the run's device. It is written in
            place, so that a captured CUDA graph reads the current value.
        perceptual: Frozen features of Eq. 6; none where its weight is 0.
        clip: Frozen CLIP of Eq. 11; none where its weight is 0.
        distributed: Place of this process among those of the run.
    """

    settings: TrainInputs
    latent_scale: Float[Tensor, ""]
    perceptual: PerceptualLoss | None = None
    clip: "ClipLoss | None" = None
    distributed: DistributedContext = field(default_factory=DistributedContext)

    def autocast(self) -> torch.autocast:
        """Autocast context of the run's precision."""
        return mixed_precision(self.latent_scale.device, self.settings.train.precision)


def build_context(
    settings: TrainInputs,
    device: torch.device,
    clip: "ClipLoss | None" = None,
    distributed: DistributedContext | None = None,
) -> TrainContext:
    """Context of a run on a device; builds the perceptual loss where its weight is above 0."""
    perceptual = None
    if settings.losses.perceptual > 0 and settings.perceptual is not None:
        perceptual = move_to_device(PerceptualLoss(settings.perceptual), device)
    return TrainContext(
        settings=settings,
        latent_scale=torch.ones((), device=device),
        perceptual=perceptual,
        clip=clip,
        distributed=distributed or DistributedContext(),
    )
