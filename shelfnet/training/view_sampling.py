"""Views to render in a training step: one hypothesis of the encoder, and views from the prior p(v)."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from shelfnet.config.render import ViewPrior


def prior_views(prior: ViewPrior, uniform: Float[Tensor, "b 2"]) -> tuple[Float[Tensor, "b"], Float[Tensor, "b"]]:
    """Views v' ~ p(v): azimuth and elevation in radians, uniform in their ranges.

    Args:
        prior: Ranges of azimuth and elevation.
        uniform: Random numbers in [0, 1).
    """
    azimuth_deg = prior.azimuth_min_deg + (prior.azimuth_max_deg - prior.azimuth_min_deg) * uniform[:, 0]
    elevation_deg = prior.elevation_min_deg + (prior.elevation_max_deg - prior.elevation_min_deg) * uniform[:, 1]
    return torch.deg2rad(azimuth_deg), torch.deg2rad(elevation_deg)


def sample_hypothesis(weights: Float[Tensor, "b k"], uniform: Float[Tensor, "b k"]) -> Int[Tensor, "b"]:
    """Index of one hypothesis per row, drawn in proportion to its weight.

    This is an exponential race: the argmin of Exp(1) / w selects i with probability w_i. ``torch.multinomial`` draws
    from the same distribution but synchronises the host with the device.

    Args:
        weights: Nonnegative weights.
        uniform: Random numbers in [0, 1).
    """
    waiting_times = -torch.log1p(-uniform)
    return (weights / waiting_times.clamp(min=1e-12)).argmax(dim=1)
