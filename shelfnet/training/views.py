"""Which view of a picture to render: the encoder's only one, or one of its hypotheses by how well they explain it."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from shelfnet.config.render import ViewPrior
from shelfnet.config.schema import Config
from shelfnet.losses.reconstruction import mask_loss, rgb_loss
from shelfnet.networks.encoder import Encoding, resize
from shelfnet.networks.shelfnet import ShelfNet
from shelfnet.representations.field import Field
from shelfnet.training.batches import Batch


@dataclass(frozen=True)
class ChosenView:
    """One hypothesis of each picture, and how credible all of them are.

    Attributes:
        index: the hypothesis that is rendered.
        credibility: share of each hypothesis by its reconstruction loss; no gradient.
    """

    index: Int[Tensor, "b"]
    credibility: Float[Tensor, "b k"]


def choose_view(
    model: ShelfNet, field: Field, encoding: Encoding, batch: Batch, config: Config, generator: torch.Generator
) -> ChosenView:
    """Draw a hypothesis of the view in proportion to exp(-loss / temperature) of its small, quick render.

    Drawing one and rendering it in full has, in expectation, the gradient of rendering all of them weighted.
    """
    _batch_size, hypotheses = encoding.view_azimuths.shape
    if hypotheses == 1:
        alone = torch.ones_like(encoding.view_azimuths)
        return ChosenView(torch.zeros_like(alone[:, 0], dtype=torch.long), alone)
    losses = _hypothesis_losses(model, field, encoding, batch, config)
    credibility = torch.softmax(-losses / config.model.encoder.hypothesis_temperature, dim=1)
    index = torch.multinomial(credibility, 1, generator=generator).squeeze(1)
    return ChosenView(index, credibility)


def prior_views(
    prior: ViewPrior, batch_size: int, generator: torch.Generator
) -> tuple[Float[Tensor, "b"], Float[Tensor, "b"]]:
    """Views v' ~ p(v): azimuth and elevation in radians, uniform in their ranges."""
    low = torch.tensor([prior.azimuth_min_deg, prior.elevation_min_deg], device=generator.device)
    high = torch.tensor([prior.azimuth_max_deg, prior.elevation_max_deg], device=generator.device)
    uniform = torch.rand((batch_size, 2), generator=generator, device=generator.device)
    azimuth, elevation = torch.deg2rad(low + (high - low) * uniform).unbind(dim=1)
    return azimuth, elevation


@torch.no_grad()
def _hypothesis_losses(
    model: ShelfNet, field: Field, encoding: Encoding, batch: Batch, config: Config
) -> Float[Tensor, "b k"]:
    hypotheses = encoding.view_azimuths.shape[1]
    size = config.model.encoder.hypothesis_px
    rendering = model.render(
        field.repeat(hypotheses),
        encoding.view_azimuths.flatten(),
        encoding.view_elevations.flatten(),
        resolution_px=size,
        samples_per_ray=max(config.model.renderer.samples_per_ray // 2, 8),
    )
    masks = resize(batch.masks[:, None], size).squeeze(1).repeat_interleave(hypotheses, dim=0)
    targets = resize(batch.targets, size).repeat_interleave(hypotheses, dim=0)
    weights = config.losses
    losses = weights.mask * mask_loss(rendering.mask, masks)
    losses += weights.rgb * rgb_loss(rendering.image, targets)
    return (losses / max(weights.mask + weights.rgb, 1e-12)).unflatten(0, (-1, hypotheses))
