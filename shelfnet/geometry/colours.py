"""Conversion between sRGB, used by images and predictions, and linear light, used by glTF vertex colours."""

import numpy as np
from jaxtyping import Float

_LINEAR_TOE = 0.0031308
_SRGB_TOE = 0.04045


def linear_from_srgb(srgb: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    """Linear values of sRGB values; both in [0, 1]."""
    return np.where(srgb <= _SRGB_TOE, srgb / 12.92, ((np.maximum(srgb, 0.0) + 0.055) / 1.055) ** 2.4)


def srgb_from_linear(linear: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    """Values in sRGB of linear values; both in [0, 1]."""
    return np.where(linear <= _LINEAR_TOE, linear * 12.92, 1.055 * np.maximum(linear, 0.0) ** (1 / 2.4) - 0.055)
