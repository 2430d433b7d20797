"""Distortion loss of mip-NeRF 360."""

import torch
from jaxtyping import Float
from torch import Tensor

from shelfnet.renderer.volume import RayWeights


def distortion_loss(rays: RayWeights) -> Float[Tensor, "b"]:
    """Distortion loss (Barron et al., CVPR 2022, Eq. 15), averaged over the pixels of each image, in object units.

    For weights w at depths t of intervals of equal length d: ``sum_ij w_i w_j |t_i - t_j| + sum_i w_i^2 d / 3``. It is
    small where opacity concentrates at a surface and large where it spreads along the ray.
    """
    weights, samples = rays.weights, rays.weights.shape[-1]
    depth = (torch.arange(samples, device=weights.device, dtype=weights.dtype) + 0.5) / samples
    weight_before = torch.cumsum(weights, dim=-1) - weights
    moment_before = torch.cumsum(weights * depth, dim=-1) - weights * depth
    between = 2.0 * (weights * (depth * weight_before - moment_before)).sum(dim=-1)
    within = weights.square().sum(dim=-1) / (3 * samples)
    return (rays.lengths * (between + within)).sum(dim=1) / rays.pixels_per_image
