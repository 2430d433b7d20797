"""How far a render is from the image it should show: Eq. 4 and 5, and the latent's prior."""

import torch
from jaxtyping import Float
from torch import Tensor


def rgb_loss(rendered: Float[Tensor, "b 3 h w"], image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b"]:
    """L_rgb (Eq. 4): mean absolute difference of an image."""
    return (rendered - image).abs().mean(dim=(1, 2, 3))


def mask_loss(rendered: Float[Tensor, "b h w"], mask: Float[Tensor, "b h w"]) -> Float[Tensor, "b"]:
    """L_mask (Eq. 5): 1 - soft intersection over union; 0 on equal masks, soft edges and two empty ones included."""
    return 1.0 - soft_iou(rendered, mask)


def soft_iou(first: Float[Tensor, "b h w"], second: Float[Tensor, "b h w"]) -> Float[Tensor, "b"]:
    """Sum of minima over sum of maxima: a partly covered pixel that both cover equally counts as agreement.

    (Products, in the place of minima, would give a mask with soft edges a loss against itself.)
    """
    intersection = torch.minimum(first, second).sum(dim=(1, 2))
    union = torch.maximum(first, second).sum(dim=(1, 2))
    epsilon = 1e-6
    return (intersection + epsilon) / (union + epsilon)


def kl_loss(latent: Float[Tensor, "b d"]) -> Float[Tensor, "b"]:
    """Divergence from a standard normal of a unit-variance posterior around the latent, a mean over dimensions.

    The variance is fixed and the mean is what is decoded, as in the original code.
    """
    return 0.5 * latent.square().mean(dim=1)
