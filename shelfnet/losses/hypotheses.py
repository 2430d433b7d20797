"""Reconstruction loss of every view hypothesis, from small renders without gradients."""

import torch
from jaxtyping import Float
from torch import Tensor

from shelfnet.losses.reconstruction import mask_loss, rgb_loss
from shelfnet.networks.encoder import Encoding, resize
from shelfnet.networks.shelfnet import Rendering, ShelfNet
from shelfnet.representations.field import Field


@torch.no_grad()
def hypothesis_losses(
    model: ShelfNet,
    field: Field,
    encoding: Encoding,
    observed: Rendering,
    *,
    resolution_px: int | None = None,
    samples_per_ray: int | None = None,
    mask_weight: float = 1.0,
    rgb_weight: float = 1.0,
) -> Float[Tensor, "b k"]:
    """Weighted mean of Eq. 4 and 5 between each image and its render at each hypothesis.

    Args:
        model: Model that renders the hypotheses.
        field: Decoded objects, one per image.
        encoding: View hypotheses of the images.
        observed: Input images and masks of any size.
        resolution_px: Side of the compared renders in pixels; by default that of the model.
        samples_per_ray: Samples per ray of the compared renders; by default those of the model.
        mask_weight: Weight of Eq. 5.
        rgb_weight: Weight of Eq. 4.
    """
    hypotheses = encoding.view_azimuths.shape[1]
    rendering = model.render(
        field,
        encoding.view_azimuths.flatten(),
        encoding.view_elevations.flatten(),
        resolution_px=resolution_px,
        samples_per_ray=samples_per_ray,
        views_per_object=hypotheses,
    )
    size_px = rendering.mask.shape[-1]
    masks = resize(observed.mask[:, None], size_px).squeeze(1).repeat_interleave(hypotheses, dim=0)
    images = resize(observed.image, size_px).repeat_interleave(hypotheses, dim=0)
    losses = mask_weight * mask_loss(rendering.mask, masks)
    losses += rgb_weight * rgb_loss(rendering.image, images)
    return (losses / max(mask_weight + rgb_weight, 1e-12)).unflatten(0, (-1, hypotheses))
