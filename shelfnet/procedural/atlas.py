"""Draw the texture atlas of a piece: one region each for body, frame and trim."""

import numpy as np
from jaxtyping import UInt8

from shelfnet.procedural.assembly import REGIONS
from shelfnet.procedural.finishes import Finishes
from shelfnet.procedural.parts import MaterialSlot
from shelfnet.procedural.themes import apply_theme


def draw_atlas(
    finishes: Finishes, theme: str | None, width_m: dict[MaterialSlot, float], texture_px: int, rng: np.random.Generator
) -> UInt8[np.ndarray, "h w 3"]:
    """Draw the texture, row 0 at the top (v = 1).

    Args:
        finishes: Texture and colour of every slot.
        theme: Theme whose pattern covers the body, or ``None``.
        width_m: Width of the atlas in metres, by slot.
        texture_px: Side in pixels.
        rng: Random generator.
    """
    image = np.zeros((texture_px, texture_px, 3))
    for slot, (low, high) in REGIONS.items():
        first, last = round((1.0 - high) * texture_px), round((1.0 - low) * texture_px)
        px_per_m = texture_px / width_m[slot]
        finish = finishes.by_slot[slot]
        region = finish.texture(rng, (last - first, texture_px), px_per_m, finish.colour)
        if slot is MaterialSlot.BODY:
            region = apply_theme(theme, rng, region, px_per_m, finishes.accent)
        image[first:last] = region
    return np.rint(255.0 * np.clip(image, 0.0, 1.0)).astype(np.uint8)
