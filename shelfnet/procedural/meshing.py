"""Helpers of all primitives: triangulation, UV charts and face orientation."""

import numpy as np
from jaxtyping import Float, Int

from shelfnet.procedural.parts import FurniturePart, MaterialSlot, oriented_outward

MAX_CHART_M = 0.8
"""Longest chart; a longer surface is cut, so that one long tube does not lower the texel density of all others."""


def charts_along(steps_m: Float[np.ndarray, "n"], longest_m: float) -> Int[np.ndarray, "n"]:
    """Chart index of every step; only a chart of a single step may exceed ``longest_m``."""
    charts, used, chart = np.zeros(len(steps_m), dtype=np.int64), 0.0, 0
    for i, step in enumerate(steps_m):
        if used > 0.0 and used + step > longest_m:
            chart, used = chart + 1, 0.0
        used += step
        charts[i] = chart
    return charts


def oriented_part(
    vertices: Float[np.ndarray, "v 3"],
    faces: Int[np.ndarray, "f 3"],
    uvs_m: Float[np.ndarray, "f 3 2"],
    charts: Int[np.ndarray, "f"],
    slot: MaterialSlot,
) -> FurniturePart:
    """A part of one material, oriented outward."""
    slots = np.full(len(faces), slot, dtype=np.int64)
    return oriented_outward(FurniturePart(vertices, faces, uvs_m, charts, slots))


def triangulate(quads: np.ndarray) -> np.ndarray:
    """Split quads, one per row, into two triangles each."""
    halves = np.stack([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]], axis=1)
    return halves.reshape(-1, *halves.shape[2:])
