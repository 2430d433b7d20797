"""Random views from the prior p(v): azimuth and elevation uniform in their ranges (Eq. 7)."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from shelfnet.config.render import ViewPrior
from shelfnet.geometry.cameras import look_at_origin


@dataclass(frozen=True)
class Views:
    """View directions in radians."""

    azimuth: Float[np.ndarray, "v"]
    elevation: Float[np.ndarray, "v"]

    def cam2world(self, distance: float) -> Float[np.ndarray, "v 4 4"]:
        """Cameras with OpenCV axes at ``distance`` object units from the origin, looking at it."""
        return look_at_origin(torch.from_numpy(self.azimuth), torch.from_numpy(self.elevation), distance).numpy()


def sample_views(prior: ViewPrior, n_views: int, generator: np.random.Generator) -> Views:
    """Draw independent views from the prior."""
    azimuth_deg = generator.uniform(prior.azimuth_min_deg, prior.azimuth_max_deg, n_views)
    elevation_deg = generator.uniform(prior.elevation_min_deg, prior.elevation_max_deg, n_views)
    return Views(np.deg2rad(azimuth_deg), np.deg2rad(elevation_deg))
