"""Random views from the prior p(v): azimuth and elevation uniform in their ranges (Eq. 7)."""

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from shelfnet.config.render import ViewPrior
from shelfnet.geometry.cameras import look_at_origin


@dataclass(frozen=True)
class Views:
    """Directions from which pictures are taken, in radians."""

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


def model_generator(seed: int, model_id: str) -> np.random.Generator:
    """A generator of one model's own, whatever shard it is in and whichever models come before it."""
    digest = hashlib.sha256(model_id.encode("utf-8", "surrogateescape")).digest()
    return np.random.default_rng([seed & 0xFFFFFFFFFFFFFFFF, int.from_bytes(digest[:8], "little")])
