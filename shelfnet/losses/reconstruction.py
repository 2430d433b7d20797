"""Reconstruction losses L_rgb (Eq. 4) and L_mask (Eq. 5), and the KL loss of the latent."""

import torch
from jaxtyping import Float
from torch import Tensor


def rgb_loss(rendered: Float[Tensor, "b 3 h w"], image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b"]:
    """L_rgb (Eq. 4): mean absolute difference per image."""
    return (rendered - image).abs().mean(dim=(1, 2, 3))


def mask_loss(rendered: Float[Tensor, "b h w"], mask: Float[Tensor, "b h w"]) -> Float[Tensor, "b"]:
    """L_mask (Eq. 5): 1 - soft IoU, zero for equal masks even if they are soft or empty."""
    return 1.0 - soft_iou(rendered, mask)


def soft_iou(first: Float[Tensor, "b h w"], second: Float[Tensor, "b h w"]) -> Float[Tensor, "b"]:
    """Sum of minima over sum of maxima.

    With products instead of minima, a mask with soft edges would have an IoU below one with itself.
    """
    intersection = torch.minimum(first, second).sum(dim=(1, 2))
    union = torch.maximum(first, second).sum(dim=(1, 2))
    epsilon = 1e-6
    return (intersection + epsilon) / (union + epsilon)


def kl_loss(latent: Float[Tensor, "b d"]) -> Float[Tensor, "b"]:
    """KL divergence from a standard normal of a unit-variance Gaussian at the latent, averaged over dimensions.

    As in the original code, the variance is fixed and the mean is decoded.
    """
    return 0.5 * latent.square().mean(dim=1)
