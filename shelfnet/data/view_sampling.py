"""Random views from the prior p(v): azimuth and elevation uniform in their ranges (Eq. 7)."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from shelfnet.config.render import ViewPrior
from shelfnet.geometry.cameras import look_at_origin


@dataclass(frozen=True)
class Views:
    """Directions from which images are taken, in radians."""

    azimuth: Float[np.ndarray, "v"]
    elevation: Float[np.ndarray, "v"]

    def cam2world(self, distance: float) -> Float[np.ndarray, "v 4 4"]:
        """Cameras at ``distance`` object units that look at the origin, OpenCV axes."""
        return look_at_origin(torch.from_numpy(self.azimuth), torch.from_numpy(self.elevation), distance).numpy()


def sample_views(prior: ViewPrior, n_views: int, generator: np.random.Generator) -> Views:
    """Draw independent views from the prior."""
    azimuth_deg = generator.uniform(prior.azimuth_min_deg, prior.azimuth_max_deg, n_views)
    elevation_deg = generator.uniform(prior.elevation_min_deg, prior.elevation_max_deg, n_views)
    return Views(np.deg2rad(azimuth_deg), np.deg2rad(elevation_deg))
