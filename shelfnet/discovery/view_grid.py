"""Grid of views over the range of the view prior p(v)."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from shelfnet.config.render import ViewPrior
from shelfnet.geometry.cameras import look_at_origin, wrap_angle


@dataclass(frozen=True)
class ViewGrid:
    """Views with equal prior probability: all combinations of some azimuths and elevations, azimuth first.

    Attributes:
        azimuths: Distinct azimuths in radians, in the middle of equal parts of the prior's range.
        elevations: Distinct elevations in radians, likewise.
        wraps: Whether the azimuths go round the whole circle.
    """

    azimuths: Float[Tensor, "a"]
    elevations: Float[Tensor, "e"]
    wraps: bool

    @property
    def size(self) -> int:
        """Number of views."""
        return len(self.azimuths) * len(self.elevations)

    @property
    def azimuth(self) -> Float[Tensor, "v"]:
        """Azimuth of each view in radians."""
        return self.azimuths.repeat_interleave(len(self.elevations))

    @property
    def elevation(self) -> Float[Tensor, "v"]:
        """Elevation of each view in radians."""
        return self.elevations.repeat(len(self.azimuths))

    def mirrored(self) -> Int[Tensor, "v"]:
        """Index of the view at the negative azimuth of each view, or the nearest one in the grid."""
        distance = wrap_angle(self.azimuths[:, None] + self.azimuths).abs()
        count = len(self.elevations)
        azimuth = distance.argmin(dim=1).repeat_interleave(count)
        return count * azimuth + torch.arange(count, device=azimuth.device).repeat(len(self.azimuths))

    def cameras(self, distance: float) -> Float[Tensor, "v 4 4"]:
        """cam2world of each view, at ``distance`` object units from the origin."""
        return look_at_origin(self.azimuth, self.elevation, distance)


def build_view_grid(
    prior: ViewPrior, azimuth_step_deg: float, elevation_step_deg: float, device: torch.device
) -> ViewGrid:
    """Coarsest grid over the prior's range whose spacing is at most the given steps in degrees.

    Around the whole circle, the number of azimuths is even, so that every view has an opposite one.
    """
    wraps = math.isclose(prior.azimuth_max_deg - prior.azimuth_min_deg, 360.0)
    return ViewGrid(
        azimuths=_middles(prior.azimuth_min_deg, prior.azimuth_max_deg, azimuth_step_deg, device, even=wraps),
        elevations=_middles(prior.elevation_min_deg, prior.elevation_max_deg, elevation_step_deg, device, even=False),
        wraps=wraps,
    )


def _middles(
    low_deg: float, high_deg: float, step_deg: float, device: torch.device, *, even: bool
) -> Float[Tensor, "n"]:
    parts = max(1, math.ceil((high_deg - low_deg) / step_deg - 1e-9))
    parts += parts % 2 if even else 0
    width = (high_deg - low_deg) / parts
    return torch.deg2rad(low_deg + width * (torch.arange(parts, device=device) + 0.5))
