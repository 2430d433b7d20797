"""One image for a model: body, frame and trim in their regions."""

import numpy as np
from jaxtyping import UInt8

from shelfnet.procedural.assembly import REGIONS
from shelfnet.procedural.finishes import Finishes
from shelfnet.procedural.parts import Surface
from shelfnet.procedural.themes import themed


def draw_atlas(
    finishes: Finishes, theme: str | None, width_m: dict[Surface, float], texture_px: int, rng: np.random.Generator
) -> UInt8[np.ndarray, "h w 3"]:
    """The texture, row 0 on top (v = 1).

    Args:
        finishes: texture and colour of every surface.
        theme: its pattern lies over the body alone.
        width_m: metres that the atlas's width stands for, for every surface.
        texture_px: side length.
        rng: the model's own generator.
    """
    image = np.zeros((texture_px, texture_px, 3))
    for surface, (low, high) in REGIONS.items():
        first, last = round((1.0 - high) * texture_px), round((1.0 - low) * texture_px)
        px_per_m = texture_px / width_m[surface]
        finish = finishes.by_surface[surface]
        region = finish.texture(rng, (last - first, texture_px), px_per_m, finish.colour)
        if surface is Surface.BODY:
            region = themed(theme, rng, region, px_per_m, finishes.accent)
        image[first:last] = region
    return np.rint(255.0 * np.clip(image, 0.0, 1.0)).astype(np.uint8)
