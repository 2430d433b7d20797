"""Which view of an image to render: the encoder's only one, or one of its hypotheses by how well they explain it."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from shelfnet.config.render import ViewPrior
from shelfnet.config.stage_inputs import TrainInputs
from shelfnet.losses.hypotheses import hypothesis_losses
from shelfnet.networks.encoder import Encoding
from shelfnet.networks.shelfnet import Rendering, ShelfNet
from shelfnet.representations.field import Field
from shelfnet.training.batches import Batch


@dataclass(frozen=True)
class ChosenView:
    """One hypothesis of each image, and how credible all of them are.

    Attributes:
        index: the hypothesis that is rendered.
        credibility: share of each hypothesis by its reconstruction loss; no gradient.
    """

    index: Int[Tensor, "b"]
    hypothesis_weights: Float[Tensor, "b k"]


def choose_view(
    model: ShelfNet, field: Field, encoding: Encoding, batch: Batch, config: TrainInputs, uniform: Float[Tensor, "b k"]
) -> ChosenView:
    """Draw a hypothesis of the view in proportion to exp(-loss / temperature) of its small, quick render.

    Drawing one and rendering it in full has, in expectation, the gradient of rendering all of them weighted.

    Args:
        model: renders the hypotheses.
        field: the images' objects.
        encoding: of the images.
        batch: what the renders are compared with.
        config: weights, temperature and size.
        uniform: random numbers in [0, 1).
    """
    _batch_size, hypotheses = encoding.view_azimuths.shape
    if hypotheses == 1:
        alone = torch.ones_like(encoding.view_azimuths)
        return ChosenView(torch.zeros_like(alone[:, 0], dtype=torch.long), alone)
    losses = hypothesis_losses(
        model,
        field,
        encoding,
        Rendering(batch.targets, batch.masks),
        resolution_px=config.model.encoder.hypothesis_px,
        samples_per_ray=max(config.model.renderer.samples_per_ray // 2, 8),
        mask_weight=config.losses.mask,
        rgb_weight=config.losses.rgb,
    )
    hypothesis_weights = torch.softmax(-losses / config.model.encoder.hypothesis_temperature, dim=1)
    return ChosenView(_draw_index(hypothesis_weights, uniform), hypothesis_weights)


def prior_views(prior: ViewPrior, uniform: Float[Tensor, "b 2"]) -> tuple[Float[Tensor, "b"], Float[Tensor, "b"]]:
    """Views v' ~ p(v): azimuth and elevation in radians, uniform in their ranges.

    Args:
        prior: the ranges.
        uniform: random numbers in [0, 1).
    """
    azimuth_deg = prior.azimuth_min_deg + (prior.azimuth_max_deg - prior.azimuth_min_deg) * uniform[:, 0]
    elevation_deg = prior.elevation_min_deg + (prior.elevation_max_deg - prior.elevation_min_deg) * uniform[:, 1]
    return torch.deg2rad(azimuth_deg), torch.deg2rad(elevation_deg)


def _draw_index(shares: Float[Tensor, "b k"], uniform: Float[Tensor, "b k"]) -> Int[Tensor, "b"]:
    """One index a row in proportion to its shares: the first to ring of exponential clocks with these rates.

    (``torch.multinomial`` does the same, after a look at the values that makes the host wait for the device.)
    """
    waits = -torch.log1p(-uniform)
    return (shares / waits.clamp(min=1e-12)).argmax(dim=1)
