"""Which part of an image holds the object: Cycles traces no ray outside it, and the pixels inside stay the same."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from shelfnet.blender.runtime import bpy
from shelfnet.geometry.cameras import project

MARGIN_PX = 1


@dataclass(frozen=True)
class Frame:
    """A rectangle of whole pixels, rows counted from the top; ``right`` and ``bottom`` lie outside it."""

    left: int
    top: int
    right: int
    bottom: int


def frame_of(
    points: Float[np.ndarray, "n 3"], cam2world: Float[np.ndarray, "4 4"], fov: float, resolution_px: int
) -> Frame:
    """The smallest frame with a margin of a pixel around the projected points.

    Args:
        points: in the object frame, in front of the camera, at least one of them.
        cam2world: the camera, OpenCV axes.
        fov: field of view in radians.
        resolution_px: side of the square image, which the frame does not leave.
    """
    pixels, _ = project(torch.from_numpy(points)[None], torch.from_numpy(cam2world)[None], fov, resolution_px)
    low, high = pixels[0].amin(0).floor() - MARGIN_PX, pixels[0].amax(0).ceil() + MARGIN_PX
    left, top, right, bottom = torch.cat([low, high]).clamp(0, resolution_px).int().tolist()
    return Frame(left, top, right, bottom)


def trace_only(scene: bpy.types.Scene, frame: Frame) -> None:
    """Leave all of the image outside the frame transparent; the image keeps its size."""
    render = scene.render
    side = render.resolution_x
    render.use_border, render.use_crop_to_border = True, False
    render.border_min_x, render.border_max_x = frame.left / side, frame.right / side
    render.border_min_y, render.border_max_y = 1.0 - frame.bottom / side, 1.0 - frame.top / side
