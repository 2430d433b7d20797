"""Wrap modes of textures, rewritten for readers that repeat every texture.

A mirrored texture becomes a texture of twice the size with its mirror image. A clamped texture is extended by its edge
pixels as far as texture coordinates reach, and shrunk if it would become larger than textures may be.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int
from PIL import Image

from shelfnet.data.importers.material_parts import REPEATED, MaterialPart, Wrap
from shelfnet.data.obj.materials import MAX_TEXTURE_SIDE_PX, Material

MAX_REACH = 16.0
"""Distance from the texture, in texture sides, beyond which the coordinates of a clamped texture are cut off."""
MARGIN_PX = 1
"""Edge pixels beyond the farthest coordinate, for bilinear filtering."""


def unwrap_texture(part: MaterialPart) -> MaterialPart:
    """The same look with a repeating texture. Coordinates inside the texture, where modes agree, are kept."""
    if part.wrap == REPEATED or part.uv is None or part.material.texture is None:
        return part
    u, v = part.uv.T
    axes = [_Axis.of(part.wrap[1], 1.0 - v), _Axis.of(part.wrap[0], u)]  # rows of the image, from the top; columns
    texture = part.material.texture
    height, width = (axis.shrunk(side) for axis, side in zip(axes, texture.shape[:2], strict=True))
    if (height, width) != texture.shape[:2]:
        texture = np.asarray(Image.fromarray(np.ascontiguousarray(texture)).resize((width, height)))
    rows, down = axes[0].unrolled(height)
    columns, along = axes[1].unrolled(width)
    material = Material(part.material.colour, texture[rows][:, columns])
    return replace(part, material=material, uv=np.column_stack([along, 1.0 - down]), wrap=REPEATED)


@dataclass(frozen=True)
class _Axis:
    """One axis of a texture: its wrap mode, the coordinates along it, and the interval of the texture that they need.

    The unit is the side of the texture.
    """

    mode: Wrap
    coordinates: Float[np.ndarray, "v"]
    low: float
    high: float

    @classmethod
    def of(cls, mode: Wrap, coordinates: Float[np.ndarray, "v"]) -> "_Axis":
        """The axis with the smallest interval that shows the same texture."""
        if mode is Wrap.REPEAT or (coordinates.min() >= 0.0 and coordinates.max() <= 1.0):
            return cls(Wrap.REPEAT, coordinates, 0.0, 1.0)
        if mode is Wrap.MIRROR:
            return cls(mode, coordinates, 0.0, 2.0)
        cut = coordinates.clip(-MAX_REACH, 1.0 + MAX_REACH)
        return cls(mode, cut, min(float(cut.min()), 0.0), max(float(cut.max()), 1.0))

    def shrunk(self, side_px: int) -> int:
        """Size of the texture for which the interval does not exceed the largest texture."""
        return max(1, min(side_px, int((MAX_TEXTURE_SIDE_PX - 2 * MARGIN_PX - 2) / (self.high - self.low))))

    def unrolled(self, side_px: int) -> tuple[Int[np.ndarray, "n"], Float[np.ndarray, "v"]]:
        """Pixels of the texture along the interval, and the coordinates in it."""
        margin = MARGIN_PX if self.mode is Wrap.CLAMP else 0
        start, stop = int(np.floor(self.low * side_px)) - margin, int(np.ceil(self.high * side_px)) + margin
        pixels = np.arange(start, stop)
        if self.mode is Wrap.CLAMP:
            pixels = pixels.clip(0, side_px - 1)
        elif self.mode is Wrap.MIRROR:
            pixels = np.where(pixels < side_px, pixels, 2 * side_px - 1 - pixels)
        return pixels, (self.coordinates * side_px - start) / (stop - start)
