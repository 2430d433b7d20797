"""Colours of surface points that a photo does not show, from the visible surface around them."""

import math

import numpy as np
from jaxtyping import Float
from scipy.spatial import cKDTree  # pyright: ignore[reportAttributeAccessIssue]

from shelfnet.reconstruction.projective_texturing import WeightedColours, smoothstep

MAX_DISTANCE = 0.8
"""Distance in object units beyond which no colour is transferred."""

MAX_ANGLE_DEG = 150.0
"""Angle between normals beyond which no colour is transferred."""

_FADE_FROM = 0.6
"""Nearness d from which the weight falls to 0."""

_VISIBLE = 0.5
"""Weight from which a point counts as visible."""

_SOURCES = 2_000
"""Number of visible points from which colours are transferred."""

_NEIGHBOURS = 8


def nearest_visible(
    points: Float[np.ndarray, "n 3"], normals: Float[np.ndarray, "n 3"], visible: WeightedColours
) -> WeightedColours:
    """Colours of the nearest visible points with a like normal, weighted by inverse squared distance.

    Nearness is that of positions and normals together: d^2 = (distance / MAX_DISTANCE)^2 + (chord between the normals /
    chord of MAX_ANGLE_DEG)^2. The weight is 1 near the visible surface and fades to 0 at d = 1.

    Args:
        points: Surface points in object units, visible ones included.
        normals: Unit normals.
        visible: Colours of the points, and how well the photo shows them.
    """
    colours, weights = np.zeros_like(points), np.zeros(len(points))
    sources, targets = np.flatnonzero(visible.weights >= _VISIBLE), np.flatnonzero(visible.weights < 1.0)
    if len(sources) == 0 or len(targets) == 0:
        return WeightedColours(colours, weights)
    sources = sources[:: math.ceil(len(sources) / _SOURCES)]
    chord = 2.0 * math.sin(0.5 * math.radians(MAX_ANGLE_DEG))
    places = np.concatenate([points / MAX_DISTANCE, normals / chord], axis=1)
    count = min(_NEIGHBOURS, len(sources))
    distances, nearest = cKDTree(places[sources]).query(places[targets], k=range(1, count + 1))
    shares = 1.0 / np.maximum(distances, 1e-3) ** 2
    shares /= shares.sum(axis=1, keepdims=True)
    colours[targets] = np.einsum("nk,nkc->nc", shares, visible.colours[sources[nearest]])
    weights[targets] = 1.0 - smoothstep(distances[:, 0], _FADE_FROM, 1.0)
    return WeightedColours(colours, weights)
