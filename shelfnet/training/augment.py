"""Differentiable augmentation for the discriminator, of real images and renders alike."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

MAX_SHIFT = 0.125
"""Largest shift as a fraction of the image's side."""

MAX_BRIGHTNESS = 0.2
"""Largest change of brightness; images lie in [0, 1]."""


def augment(
    images: Float[Tensor, "b 3 h w"], masks: Float[Tensor, "b h w"], generator: torch.Generator
) -> tuple[Float[Tensor, "b 3 h w"], Float[Tensor, "b h w"]]:
    """Shift and mirror images with their masks at random, and change the brightness inside the mask.

    The background stays white.
    """
    batch = len(images)
    shift, mirror, brightness = _draw(batch, images.device, generator)
    theta = torch.zeros(batch, 2, 3, device=images.device)
    theta[:, 0, 0] = mirror
    theta[:, 1, 1].fill_(1.0)
    theta[:, :, 2] = shift
    grid = functional.affine_grid(theta, [batch, 4, *masks.shape[1:]], align_corners=False)
    darkness = torch.cat([1.0 - images, masks[:, None]], dim=1)
    shifted = functional.grid_sample(darkness, grid, align_corners=False)
    shifted_masks = shifted[:, 3]
    brightened = 1.0 - shifted[:, :3] + brightness[:, None, None, None] * shifted_masks[:, None]
    return brightened.clamp(0.0, 1.0), shifted_masks


def _draw(batch: int, device: torch.device, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    uniform = torch.rand((batch, 4), generator=generator, device=device)
    shift = 2 * MAX_SHIFT * (2 * uniform[:, :2] - 1)
    mirror = torch.where(uniform[:, 2] < 0.5, -1.0, 1.0)
    return shift, mirror, MAX_BRIGHTNESS * (2 * uniform[:, 3] - 1)
