"""Solid occupancy of predictions, by the same rule as that of true surfaces."""

import math

import numpy as np
from jaxtyping import Bool

from shelfnet.data.occupancy import RESOLUTION, solid_occupancy
from shelfnet.geometry.meshes import Mesh

_MAX_MARGIN = RESOLUTION
_REACH = 0.5 + _MAX_MARGIN / RESOLUTION


def prediction_occupancy(mesh: Mesh) -> Bool[np.ndarray, "z y x"]:
    """Cells of [-1/2, 1/2]^3 that a mesh fills, whether or not it stays inside the cube.

    A prediction may stick out, above all once it is turned. Cut off at the cube, its surface would be open and its
    inside count as outside; so it is filled on a larger grid of the same cells, of which the cube is the middle.
    Vertices beyond three cubes' width are drawn to that width, which keeps the surface closed.
    """
    vertices = np.clip(mesh.vertices, -_REACH, _REACH)
    margin = max(math.ceil((float(np.abs(vertices[mesh.faces]).max()) - 0.5) * RESOLUTION), 0)
    resolution = RESOLUTION + 2 * margin
    inner = slice(margin, margin + RESOLUTION)
    return solid_occupancy(Mesh(vertices * (RESOLUTION / resolution), mesh.faces), resolution)[inner, inner, inner]
