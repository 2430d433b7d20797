"""Seats: cushions with or without quilting, and boards."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from shelfnet.procedural.archetypes.brief import Brief
from shelfnet.procedural.curves import trapezoid_outline
from shelfnet.procedural.parts import Part, Surface
from shelfnet.procedural.primitives import cushion, plate

CHANNELS = 4


def pad(
    brief: Brief, size_m: Sequence[float], axis: int = 1, plan_exponent: float = 5.0, profile_exponent: float = 3.0
) -> Part:
    """An upholstered cushion about the origin, channelled along its height or depth where the brief is quilted.

    Args:
        brief: the commission.
        size_m: full extents.
        axis: the thin direction, 1 for seats and 2 for backs.
        plan_exponent: roundness of the outline.
        profile_exponent: plumpness; small is pillowy.
    """
    if brief.quilted:
        return cushion(size_m, plan_exponent, profile_exponent, 2 * CHANNELS, axis, channels=CHANNELS)
    return cushion(size_m, plan_exponent, profile_exponent, 6, axis)


def seat_pad(brief: Brief, front_half: float, back_half: float, depth_m: float, thickness_m: float) -> Part:
    """A seat cushion that narrows backwards, lying on y = 0."""
    size = (2.0 * front_half, thickness_m, depth_m)
    part = pad(brief, size, 1, brief.within(brief.traits.seat_exponent) + 0.6, brief.within((2.4, 3.6)))
    return part.bent(lambda v: _narrowed(v, back_half / front_half, depth_m)).moved(y=0.5 * thickness_m)


def seat_board(
    brief: Brief,
    front_half: float,
    back_half: float,
    depth_m: float,
    thickness_m: float,
    surface: Surface = Surface.BODY,
) -> Part:
    """A board with the style's outline, slightly hollowed, lying on y = 0."""
    exponent = brief.within(brief.traits.seat_exponent)
    outline = trapezoid_outline(front_half, back_half, 0.5 * depth_m, exponent, 28)
    board = plate(outline, thickness_m, 0.3 * thickness_m, surface)
    hollow = 0.25 * thickness_m
    return board.bent(lambda v: _hollowed(v, front_half, 0.5 * depth_m, thickness_m, hollow))


def wrapped(vertices: Float[np.ndarray, "v 3"], half_width_m: float, depth_m: float) -> Float[np.ndarray, "v 3"]:
    """A back bent around the sitter: its sides come forward by ``depth_m``."""
    forward = depth_m * (vertices[:, 0] / half_width_m) ** 2
    return vertices + forward[:, None] * np.array([0.0, 0.0, 1.0])


def _narrowed(vertices: Float[np.ndarray, "v 3"], ratio: float, depth_m: float) -> Float[np.ndarray, "v 3"]:
    along = np.clip(vertices[:, 2] / depth_m + 0.5, 0.0, 1.0)
    return vertices * np.stack([ratio + (1.0 - ratio) * along, np.ones_like(along), np.ones_like(along)], axis=1)


def _hollowed(
    vertices: Float[np.ndarray, "v 3"], half_x: float, half_z: float, thickness_m: float, hollow_m: float
) -> Float[np.ndarray, "v 3"]:
    reach = np.clip((vertices[:, 0] / half_x) ** 2 + (vertices[:, 2] / half_z) ** 2, 0.0, 1.0)
    share = vertices[:, 1] / thickness_m
    sunk = vertices.copy()
    sunk[:, 1] -= hollow_m * share * (1.0 - reach)
    return sunk
