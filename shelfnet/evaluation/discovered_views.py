"""Azimuth error of discovered views. It is reported and decides nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from shelfnet.evaluation.view_errors import azimuth_error_deg

STEP_DEG = 1.0
"""Spacing of the rotations among which the best one is chosen."""


@dataclass(frozen=True)
class DiscoveryErrors:
    """Azimuth errors within one super-category, after the rotation that minimises their median.

    Attributes:
        super_category: Its name.
        images: Number of images.
        median_deg: Median azimuth error in degrees.
        within_30_deg: Fraction of images with an error below 30 degrees.
    """

    super_category: str | None
    images: int
    median_deg: float
    within_30_deg: float


def discovery_errors(
    super_categories: Sequence[str | None], found_deg: Float[np.ndarray, "n"], true_deg: Float[np.ndarray, "n"]
) -> list[DiscoveryErrors]:
    """Errors by super-category, most frequent first. The frame of each has an azimuth of its own.

    Args:
        super_categories: Super-category of each image.
        found_deg: Discovered azimuths in degrees.
        true_deg: True azimuths in degrees.
    """
    errors = []
    for name in set(super_categories):
        own = np.array([other == name for other in super_categories])
        difference = azimuth_errors_deg(found_deg[own], true_deg[own])
        median, within = float(np.median(difference)), float((difference < 30.0).mean())
        errors.append(DiscoveryErrors(name, int(own.sum()), median, within))
    return sorted(errors, key=lambda error: (-error.images, str(error.super_category)))


def azimuth_errors_deg(found_deg: Float[np.ndarray, "n"], true_deg: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
    """Absolute azimuth errors in degrees, in [0, 180], after the rotation that minimises their median."""
    rotations = np.arange(0.0, 360.0, STEP_DEG)
    errors = np.stack([azimuth_error_deg(found_deg, true_deg, rotation) for rotation in rotations])
    return errors[np.median(errors, axis=1).argmin()]
