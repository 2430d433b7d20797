"""What the posterior over the view grid says about each image: best view, spread and entropy."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from shelfnet.discovery.view_grid import ViewGrid


@dataclass(frozen=True)
class ViewSummary:
    """View of each image.

    Attributes:
        azimuth: Most probable azimuth in radians, interpolated between the azimuths of the grid.
        elevation: Mean elevation at that azimuth in radians.
        spread: Circular standard deviation of the azimuth in radians, at most pi.
        entropy: Entropy of the posterior over views in nats.
    """

    azimuth: Float[Tensor, "n"]
    elevation: Float[Tensor, "n"]
    spread: Float[Tensor, "n"]
    entropy: Float[Tensor, "n"]


def summarise_views(probabilities: Float[Tensor, "n v"], grid: ViewGrid) -> ViewSummary:
    """Summarise posteriors over the views of a grid.

    The azimuth is the circular mean of the best azimuth of the grid and its neighbours, weighted by their
    probabilities. Means over all azimuths would lie between two opposite ones, of which only one can be right.
    """
    by_azimuth = probabilities.unflatten(1, (len(grid.azimuths), len(grid.elevations)))
    azimuth = by_azimuth.sum(dim=2)
    best = azimuth.argmax(dim=1)
    near = _near(best, len(grid.azimuths), grid.wraps) * azimuth
    at_best = by_azimuth.gather(1, best[:, None, None].expand(-1, 1, by_azimuth.shape[2])).squeeze(1)
    elevation = (at_best * grid.elevations).sum(dim=1) / at_best.sum(dim=1).clamp(min=1e-12)
    length = torch.complex(azimuth @ torch.cos(grid.azimuths), azimuth @ torch.sin(grid.azimuths)).abs()
    spread = (-2.0 * length.clamp(1e-12, 1.0).log()).sqrt().clamp(max=math.pi)
    return ViewSummary(
        azimuth=torch.atan2(near @ torch.sin(grid.azimuths), near @ torch.cos(grid.azimuths)),
        elevation=elevation,
        spread=spread,
        entropy=-torch.xlogy(probabilities, probabilities).sum(dim=1),
    )


def _near(best: Tensor, azimuths: int, wraps: bool) -> Float[Tensor, "n a"]:
    """One at the best azimuth of each row and at its two neighbours, zero elsewhere."""
    steps = (torch.arange(azimuths, device=best.device) - best[:, None]).abs()
    if wraps:
        steps = torch.minimum(steps, azimuths - steps)
    return (steps <= 1).float()
