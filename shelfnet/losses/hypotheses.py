"""How well hypotheses of the view explain their images, by rendering all of them small and quickly."""

import torch
from jaxtyping import Float
from torch import Tensor

from shelfnet.config.meshes import ChosenBy
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
    resolution_px: int,
    samples_per_ray: int,
    mask_weight: float,
    rgb_weight: float,
) -> Float[Tensor, "b k"]:
    """Weighted mean of Eq. 4 and 5 between an image and the render at each hypothesis.

    Args:
        model: renders.
        field: the images' objects.
        encoding: the images' hypotheses.
        observed: what should be seen, at any size.
        resolution_px: of the renders that are compared.
        samples_per_ray: likewise.
        mask_weight: of Eq. 5.
        rgb_weight: of Eq. 4.
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
    masks = resize(observed.mask[:, None], resolution_px).squeeze(1).repeat_interleave(hypotheses, dim=0)
    images = resize(observed.image, resolution_px).repeat_interleave(hypotheses, dim=0)
    losses = mask_weight * mask_loss(rendering.mask, masks)
    losses += rgb_weight * rgb_loss(rendering.image, images)
    return (losses / max(mask_weight + rgb_weight, 1e-12)).unflatten(0, (-1, hypotheses))


def predicted_view(
    model: ShelfNet, field: Field, encoding: Encoding, observed: Rendering, chosen_by: ChosenBy
) -> tuple[Float[Tensor, "b"], Float[Tensor, "b"]]:
    """Azimuth and elevation of images in radians: one of the hypotheses.

    Renders are compared by Eq. 4 and 5 in equal parts, at the model's own size. Training weighs them by ``losses.rgb``
    and ``losses.mask``, of which a network knows nothing, and looks at smaller renders: it compares in the same way
    where these weights are equal.

    Args:
        model: renders, at its own size.
        field: the images' objects.
        encoding: the images' hypotheses.
        observed: what should be seen, at any size.
        chosen_by: ``"render"`` takes the hypothesis whose render is nearest to the image.
    """
    if chosen_by == "classifier" or encoding.view_logits.shape[1] == 1:
        return encoding.azimuth, encoding.elevation
    losses = hypothesis_losses(
        model,
        field,
        encoding,
        observed,
        resolution_px=model.resolution_px,
        samples_per_ray=model.samples_per_ray,
        mask_weight=1.0,
        rgb_weight=1.0,
    )
    nearest = losses.argmin(dim=1)
    return Encoding.at(encoding.view_azimuths, nearest), Encoding.at(encoding.view_elevations, nearest)
