"""Errors of predicted views, in degrees."""

import numpy as np
from jaxtyping import Float

WORST_AZIMUTH_ERROR_DEG = 180.0
WORST_ELEVATION_ERROR_DEG = 180.0


def wrap_deg(angle_deg: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    """Angles in degrees wrapped into [-180, 180)."""
    return np.remainder(angle_deg + 180.0, 360.0) - 180.0


def azimuth_error_deg(
    predicted_deg: Float[np.ndarray, "*n"], true_deg: Float[np.ndarray, "*n"], alignment_deg: float
) -> Float[np.ndarray, "*n"]:
    """Absolute wrapped difference of azimuths in [0, 180].

    Args:
        predicted_deg: Azimuth in the learned canonical frame.
        true_deg: Azimuth in the object frame.
        alignment_deg: Rotation about +Y from the learned frame to the object frame. It also rotates the camera, so it
            is added to the predicted azimuth.
    """
    return np.abs(wrap_deg(predicted_deg + alignment_deg - true_deg))


def elevation_error_deg(
    predicted_deg: Float[np.ndarray, "*n"], true_deg: Float[np.ndarray, "*n"]
) -> Float[np.ndarray, "*n"]:
    """Absolute difference of elevations in [0, 180], which is independent of the alignment."""
    return np.abs(predicted_deg - true_deg)
