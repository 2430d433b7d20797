"""How far apart along a ray the things are that it shows: what clears fog."""

import torch
from jaxtyping import Float
from torch import Tensor

from shelfnet.renderer.volume import RayWeights


def distortion_loss(rays: RayWeights) -> Float[Tensor, "b"]:
    """Mean over an image of the distance between two things that a ray shows, in object units.

    The distortion loss of mip-NeRF 360 (Barron et al., CVPR 2022, Eq. 15) for samples of equal length: with weights w
    at depths t of intervals of length d, ``sum_ij w_i w_j |t_i - t_j| + sum_i w_i^2 d / 3``. Zero for a ray that is
    clear, small for one that ends at a surface, and large where opacity gathers over a long path.
    """
    weights, samples = rays.weights, rays.weights.shape[-1]
    depth = (torch.arange(samples, device=weights.device, dtype=weights.dtype) + 0.5) / samples
    nearer = torch.cumsum(weights, dim=-1) - weights
    moment = torch.cumsum(weights * depth, dim=-1) - weights * depth
    between = 2.0 * (weights * (depth * nearer - moment)).sum(dim=-1)
    within = weights.square().sum(dim=-1) / (3 * samples)
    return (rays.chord * (between + within)).sum(dim=1) / rays.pixels
