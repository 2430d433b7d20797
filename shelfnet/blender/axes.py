"""Conversion of the object frame and its OpenCV cameras to Blender's axes.

Blender's world is +Z up with the front towards -Y; its cameras look along -z with y up.
"""

import numpy as np
from jaxtyping import Float

from shelfnet.geometry.cameras import BLENDER_FROM_OPENCV

BLENDER_FROM_OBJECT = np.array(
    [[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, -1.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
)
"""Transform from the object frame (+Y up, +Z front) to Blender's world (+Z up, -Y front)."""


def blender_camera(cam2world: Float[np.ndarray, "4 4"]) -> Float[np.ndarray, "4 4"]:
    """``matrix_world`` in Blender of an OpenCV camera in the object frame."""
    return BLENDER_FROM_OBJECT @ cam2world @ BLENDER_FROM_OPENCV
