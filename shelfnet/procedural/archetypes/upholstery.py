"""Seat cushions, with or without quilting, and seat boards."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from shelfnet.procedural.archetypes.design import Design
from shelfnet.procedural.curves import trapezoid_outline
from shelfnet.procedural.parts import FurniturePart, MaterialSlot
from shelfnet.procedural.primitives import cushion, plate

CHANNELS = 4


def pad(
    design: Design, size_m: Sequence[float], axis: int = 1, plan_exponent: float = 5.0, profile_exponent: float = 3.0
) -> FurniturePart:
    """An upholstered cushion centred on the origin, with channels if the design is quilted.

    Args:
        design: Design parameters.
        size_m: Full extents (x, y, z).
        axis: Index of the thin axis, 1 for seats and 2 for backs.
        plan_exponent: Superellipse exponent of the outline.
        profile_exponent: Superellipse exponent of the profile; small values are pillowy.
    """
    if design.quilted:
        return cushion(size_m, plan_exponent, profile_exponent, 2 * CHANNELS, axis, channels=CHANNELS)
    return cushion(size_m, plan_exponent, profile_exponent, 6, axis)


def seat_pad(design: Design, front_half: float, back_half: float, depth_m: float, thickness_m: float) -> FurniturePart:
    """A seat cushion that narrows backwards, lying on y = 0."""
    size = (2.0 * front_half, thickness_m, depth_m)
    part = pad(design, size, 1, design.uniform(design.traits.seat_exponent) + 0.6, design.uniform((2.4, 3.6)))
    return part.deformed(lambda v: _narrowed(v, back_half / front_half, depth_m)).translated(y=0.5 * thickness_m)


def seat_board(
    design: Design,
    front_half: float,
    back_half: float,
    depth_m: float,
    thickness_m: float,
    slot: MaterialSlot = MaterialSlot.BODY,
) -> FurniturePart:
    """A board with the style's outline, slightly hollowed, lying on y = 0."""
    exponent = design.uniform(design.traits.seat_exponent)
    outline = trapezoid_outline(front_half, back_half, 0.5 * depth_m, exponent, 28)
    board = plate(outline, thickness_m, 0.3 * thickness_m, slot)
    hollow = 0.25 * thickness_m
    return board.deformed(lambda v: _hollowed(v, front_half, 0.5 * depth_m, thickness_m, hollow))


def wrapped(vertices: Float[np.ndarray, "v 3"], half_width_m: float, depth_m: float) -> Float[np.ndarray, "v 3"]:
    """Bend a back around the sitter: move its sides forward by ``depth_m``."""
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
