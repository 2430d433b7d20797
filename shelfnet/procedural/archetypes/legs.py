"""Legs and the bars between them."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from shelfnet.procedural.archetypes.brief import Brief
from shelfnet.procedural.curves import Coordinates, chamfered_rectangle, circle, smooth, straight
from shelfnet.procedural.parts import Part
from shelfnet.procedural.primitives import sweep, tube

Point = Float[np.ndarray, "3"]

# Fraction of the way down, and radius over the radius at the top.
TURNED = np.array(
    [
        [0.0, 1.0],
        [0.16, 1.0],
        [0.17, 0.72],
        [0.2, 0.72],
        [0.22, 0.95],
        [0.25, 0.72],
        [0.28, 0.68],
        [0.42, 1.12],
        [0.52, 1.18],
        [0.68, 0.78],
        [0.78, 0.6],
        [0.8, 0.85],
        [0.83, 0.85],
        [0.85, 0.6],
        [0.93, 0.9],
        [0.97, 0.9],
        [1.0, 0.6],
    ]
)
FLUTED = np.array(
    [
        [0.0, 1.15],
        [0.1, 1.15],
        [0.11, 0.8],
        [0.14, 0.8],
        [0.15, 1.05],
        [0.17, 1.05],
        [0.18, 0.95],
        [0.86, 0.55],
        [0.87, 0.75],
        [0.9, 0.75],
        [0.91, 0.55],
        [1.0, 0.42],
    ]
)


def leg(brief: Brief, kind: str, top: Coordinates, foot: Coordinates, radius_m: float) -> Part:
    """One leg of a profile named in ``StyleTraits.legs``, from its joint down to the floor."""
    return LEG_PROFILES[kind](brief, np.asarray(top, float), np.asarray(foot, float), radius_m)


def four_legs(
    brief: Brief, kind: str, half_x: float, half_z: float, top_y: float, radius_m: float, splay_deg: float
) -> list[Part]:
    """Legs in front and behind, leaning outward, mirrored in x."""
    reach = top_y * np.tan(np.radians(splay_deg))
    parts = []
    for sign in (1.0, -1.0):
        top = (half_x, top_y, sign * half_z)
        foot = (half_x + 0.7 * reach, 0.0, sign * (half_z + reach))
        parts += leg(brief, kind, top, foot, radius_m).both_sides()
    return parts


def stretchers(brief: Brief, kind: str, half_x: float, half_z: float, height_m: float, radius_m: float) -> list[Part]:
    """Bars between legs whose centres at ``height_m`` lie at (±half_x, ±half_z): ``none``, ``h`` or ``box``."""
    if kind == "none":
        return []
    side = bar((half_x, height_m, half_z), (half_x, height_m, -half_z), radius_m, brief.metal_frame)
    if kind == "h":
        middle = bar((-half_x, height_m, 0.0), (half_x, height_m, 0.0), radius_m, brief.metal_frame)
        return [*side.both_sides(), middle]
    rise = 0.0 if brief.metal_frame else 0.05
    across = bar((-half_x, height_m + rise, 0.0), (half_x, height_m + rise, 0.0), radius_m, brief.metal_frame)
    return [*side.both_sides(), across.moved(z=half_z), across.moved(z=-half_z)]


def bar(start: Coordinates, end: Coordinates, radius_m: float, even: bool = True) -> Part:
    """A round bar; swelling slightly in the middle, as turned stretchers do, unless ``even``."""
    if even:
        return tube(straight(start, end), radius_m, 8)
    swell = np.array([0.7, 0.9, 1.15, 0.9, 0.7])
    return tube(straight(start, end, 5), radius_m * swell, 8)


def rail(start: Coordinates, end: Coordinates, height_m: float, thickness_m: float) -> Part:
    """A flat rail on edge between two points of equal height."""
    outline = chamfered_rectangle(0.5 * height_m, 0.5 * thickness_m, 0.003)
    return sweep(straight(start, end), outline, reference=(0.0, 1.0, 0.0))


def apron(half_x: float, half_z: float, top_y: float, height_m: float, thickness_m: float = 0.018) -> list[Part]:
    """Four rails under a seat."""
    y = top_y - 0.5 * height_m
    side = rail((half_x, y, half_z), (half_x, y, -half_z), height_m, thickness_m)
    front = rail((-half_x, y, half_z), (half_x, y, half_z), height_m, thickness_m)
    return [*side.both_sides(), front, front.moved(z=-2.0 * half_z)]


def _tapered(brief: Brief, top: Point, foot: Point, radius_m: float) -> Part:
    taper = brief.within(brief.traits.taper)
    return tube(straight(top, foot, 4), radius_m * np.linspace(1.0, taper, 4), 12)


def _round(brief: Brief, top: Point, foot: Point, radius_m: float) -> Part:
    return tube(straight(top, foot, 4), radius_m * np.linspace(1.0, brief.within((0.9, 1.0)), 4), 14)


def _pipe(brief: Brief, top: Point, foot: Point, radius_m: float) -> Part:
    cap_y = foot + (top - foot) * brief.within((0.02, 0.035))
    path = np.stack([top, cap_y, cap_y, foot]) - np.array([[0], [0], [1e-4], [0]]) * (top - foot)
    return tube(path, radius_m * np.array([1.0, 1.0, 1.35, 1.35]), 10)


def _square(brief: Brief, top: Point, foot: Point, radius_m: float) -> Part:
    taper = brief.within(brief.traits.taper)
    return _rectangular(top, foot, radius_m, taper)


def _block(brief: Brief, top: Point, foot: Point, radius_m: float) -> Part:
    return _rectangular(top, foot, 1.15 * radius_m, brief.within((0.95, 1.0)))


def _rectangular(top: Point, foot: Point, radius_m: float, taper: float) -> Part:
    half = 0.9 * radius_m
    outline = chamfered_rectangle(half, half, 0.18 * half)
    return sweep(straight(top, foot, 3), outline, np.linspace([1.0, 1.0], [taper, taper], 3))


def _turned(brief: Brief, top: Point, foot: Point, radius_m: float) -> Part:
    vigour = brief.within((0.7, 1.15))
    short = top[1] < 0.25
    profile = TURNED[::2] if short else TURNED
    radii = 1.0 + vigour * (profile[:, 1] - 1.0)
    return tube(top + profile[:, :1] * (foot - top), radius_m * radii, 8 if short else 10)


def _fluted(brief: Brief, top: Point, foot: Point, radius_m: float) -> Part:
    flutes = circle(16) * np.where(np.arange(16) % 2, 1.0, 0.87)[:, None]
    radii = radius_m * FLUTED[:, 1] * brief.within((0.9, 1.05))
    return sweep(top + FLUTED[:, :1] * (foot - top), flutes, np.stack([radii, radii], axis=1))


def _sabre(brief: Brief, top: Point, foot: Point, radius_m: float) -> Part:
    outward = np.array([0.25 * np.sign(top[0]), 0.0, np.sign(top[2])]) * brief.within((0.03, 0.06))
    path = smooth([top, 0.55 * top + 0.45 * foot - 0.15 * outward, foot + outward], 9)
    taper = np.linspace(1.0, brief.within(brief.traits.taper), 9)
    outline = chamfered_rectangle(0.9 * radius_m, 0.9 * radius_m, 0.3 * radius_m)
    return sweep(path, outline, np.stack([taper, taper], axis=1))


def _cabriole(brief: Brief, top: Point, foot: Point, radius_m: float) -> Part:
    diagonal = np.array([np.sign(top[0]), 0.0, np.sign(top[2])]) * brief.within((0.022, 0.036))
    down = foot - top
    knots = [top, top + 0.2 * down + 0.9 * diagonal, top + 0.62 * down - 0.1 * diagonal]
    knots += [top + 0.88 * down + 0.1 * diagonal, foot + 0.9 * diagonal]
    radii = np.interp(np.linspace(0, 1, 15), [0, 0.15, 0.6, 0.85, 0.93, 1.0], [1.2, 1.35, 0.75, 0.6, 0.95, 0.75])
    return tube(smooth(knots, 15), radius_m * radii, 10)


LEG_PROFILES: dict[str, Callable[[Brief, Point, Point, float], Part]] = {
    "tapered": _tapered,
    "round": _round,
    "tube": _pipe,
    "square": _square,
    "block": _block,
    "turned": _turned,
    "fluted": _fluted,
    "sabre": _sabre,
    "cabriole": _cabriole,
}
