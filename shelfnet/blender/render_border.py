# pyright: reportAttributeAccessIssue=false
"""Render border around the object: Cycles traces no rays outside it, and the pixels inside do not change."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from shelfnet.blender.runtime import bpy
from shelfnet.geometry.cameras import project

MARGIN_PX = 1


@dataclass(frozen=True)
class PixelRect:
    """A rectangle of whole pixels, rows counted from the top; ``right`` and ``bottom`` are exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    def padded(self, fraction: float, resolution_px: int) -> "PixelRect":
        """The rectangle enlarged on all sides by a fraction of its longer side, clipped to the image."""
        margin = math.ceil(fraction * max(self.right - self.left, self.bottom - self.top))
        left, top = max(0, self.left - margin), max(0, self.top - margin)
        return PixelRect(left, top, min(resolution_px, self.right + margin), min(resolution_px, self.bottom + margin))


def bounding_rect(
    points: Float[np.ndarray, "n 3"], cam2world: Float[np.ndarray, "4 4"], fov: float, resolution_px: int
) -> PixelRect:
    """Bounding rectangle of the projected points with a margin of one pixel, clipped to the image.

    Args:
        points: At least one point of the object frame, all in front of the camera.
        cam2world: Camera matrix with OpenCV axes.
        fov: Field of view in radians.
        resolution_px: Side of the square image.
    """
    pixels, _ = project(torch.from_numpy(points)[None], torch.from_numpy(cam2world)[None], fov, resolution_px)
    low, high = pixels[0].amin(0).floor() - MARGIN_PX, pixels[0].amax(0).ceil() + MARGIN_PX
    left, top, right, bottom = torch.cat([low, high]).clamp(0, resolution_px).int().tolist()
    return PixelRect(left, top, right, bottom)


def set_render_border(scene: bpy.types.Scene, rect: PixelRect) -> None:
    """Render only inside a rectangle; the image keeps its size and is transparent outside."""
    render = scene.render
    side = render.resolution_x
    render.use_border, render.use_crop_to_border = True, False
    render.border_min_x, render.border_max_x = rect.left / side, rect.right / side
    render.border_min_y, render.border_max_y = 1.0 - rect.bottom / side, 1.0 - rect.top / side
