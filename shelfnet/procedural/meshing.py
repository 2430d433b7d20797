"""What all primitives need: quads to triangles, long surfaces to charts, outward faces."""

import numpy as np
from jaxtyping import Float, Int

from shelfnet.procedural.parts import Part, Surface, facing_outward

MAX_CHART_M = 0.8
"""Longer surfaces are cut into several charts, so that one long tube does not thin out the texture of all others."""


def charts_along(steps_m: Float[np.ndarray, "n"], longest_m: float) -> Int[np.ndarray, "n"]:
    """Number of the chart of every step, none longer than ``longest_m`` unless one step is."""
    charts, used, chart = np.zeros(len(steps_m), dtype=np.int64), 0.0, 0
    for i, step in enumerate(steps_m):
        if used > 0.0 and used + step > longest_m:
            chart, used = chart + 1, 0.0
        used += step
        charts[i] = chart
    return charts


def uniform_part(
    vertices: Float[np.ndarray, "v 3"],
    faces: Int[np.ndarray, "f 3"],
    uvs_m: Float[np.ndarray, "f 3 2"],
    charts: Int[np.ndarray, "f"],
    surface: Surface,
) -> Part:
    """A part made of one stuff, turned to face outward."""
    surfaces = np.full(len(faces), surface, dtype=np.int64)
    return facing_outward(Part(vertices, faces, uvs_m, charts, surfaces))


def triangulated(quads: np.ndarray) -> np.ndarray:
    """Rows of four corners to twice as many rows of three."""
    halves = np.stack([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]], axis=1)
    return halves.reshape(-1, *halves.shape[2:])
