"""Legs and the bars between them."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from shelfnet.procedural.archetypes.design import Design
from shelfnet.procedural.curves import Coordinates, chamfered_rectangle, circle, line, spline
from shelfnet.procedural.parts import FurniturePart
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


def leg(design: Design, kind: str, top: Coordinates, foot: Coordinates, radius_m: float) -> FurniturePart:
    """One leg of a profile named in ``StyleTraits.legs``, from its joint down to the floor."""
    return LEG_PROFILES[kind](design, np.asarray(top, float), np.asarray(foot, float), radius_m)


def four_legs(
    design: Design, kind: str, half_x: float, half_z: float, top_y: float, radius_m: float, splay_deg: float
) -> list[FurniturePart]:
    """Legs in front and behind, leaning outward, mirrored in x."""
    reach = top_y * np.tan(np.radians(splay_deg))
    parts = []
    for sign in (1.0, -1.0):
        top = (half_x, top_y, sign * half_z)
        foot = (half_x + 0.7 * reach, 0.0, sign * (half_z + reach))
        parts += leg(design, kind, top, foot, radius_m).mirrored_pair()
    return parts


def stretchers(
    design: Design, kind: str, half_x: float, half_z: float, height_m: float, radius_m: float
) -> list[FurniturePart]:
    """Bars between legs whose centres at ``height_m`` lie at (±half_x, ±half_z): ``none``, ``h`` or ``box``."""
    if kind == "none":
        return []
    side = bar((half_x, height_m, half_z), (half_x, height_m, -half_z), radius_m, design.metal_frame)
    if kind == "h":
        middle = bar((-half_x, height_m, 0.0), (half_x, height_m, 0.0), radius_m, design.metal_frame)
        return [*side.mirrored_pair(), middle]
    rise = 0.0 if design.metal_frame else 0.05
    across = bar((-half_x, height_m + rise, 0.0), (half_x, height_m + rise, 0.0), radius_m, design.metal_frame)
    return [*side.mirrored_pair(), across.translated(z=half_z), across.translated(z=-half_z)]


def bar(start: Coordinates, end: Coordinates, radius_m: float, even: bool = True) -> FurniturePart:
    """A round bar; swelling slightly in the middle, as turned stretchers do, unless ``even``."""
    if even:
        return tube(line(start, end), radius_m, 8)
    swell = np.array([0.7, 0.9, 1.15, 0.9, 0.7])
    return tube(line(start, end, 5), radius_m * swell, 8)


def rail(start: Coordinates, end: Coordinates, height_m: float, thickness_m: float) -> FurniturePart:
    """A flat rail on edge between two points of equal height."""
    outline = chamfered_rectangle(0.5 * height_m, 0.5 * thickness_m, 0.003)
    return sweep(line(start, end), outline, reference=(0.0, 1.0, 0.0))


def apron(
    half_x: float, half_z: float, top_y: float, height_m: float, thickness_m: float = 0.018
) -> list[FurniturePart]:
    """Four rails under a seat."""
    y = top_y - 0.5 * height_m
    side = rail((half_x, y, half_z), (half_x, y, -half_z), height_m, thickness_m)
    front = rail((-half_x, y, half_z), (half_x, y, half_z), height_m, thickness_m)
    return [*side.mirrored_pair(), front, front.translated(z=-2.0 * half_z)]


def _tapered(design: Design, top: Point, foot: Point, radius_m: float) -> FurniturePart:
    taper = design.uniform(design.traits.taper)
    return tube(line(top, foot, 4), radius_m * np.linspace(1.0, taper, 4), 12)


def _round(design: Design, top: Point, foot: Point, radius_m: float) -> FurniturePart:
    return tube(line(top, foot, 4), radius_m * np.linspace(1.0, design.uniform((0.9, 1.0)), 4), 14)


def _pipe(design: Design, top: Point, foot: Point, radius_m: float) -> FurniturePart:
    cap_y = foot + (top - foot) * design.uniform((0.02, 0.035))
    path = np.stack([top, cap_y, cap_y, foot]) - np.array([[0], [0], [1e-4], [0]]) * (top - foot)
    return tube(path, radius_m * np.array([1.0, 1.0, 1.35, 1.35]), 10)


def _square(design: Design, top: Point, foot: Point, radius_m: float) -> FurniturePart:
    taper = design.uniform(design.traits.taper)
    return _rectangular(top, foot, radius_m, taper)


def _block(design: Design, top: Point, foot: Point, radius_m: float) -> FurniturePart:
    return _rectangular(top, foot, 1.15 * radius_m, design.uniform((0.95, 1.0)))


def _rectangular(top: Point, foot: Point, radius_m: float, taper: float) -> FurniturePart:
    half = 0.9 * radius_m
    outline = chamfered_rectangle(half, half, 0.18 * half)
    return sweep(line(top, foot, 3), outline, np.linspace([1.0, 1.0], [taper, taper], 3))


def _turned(design: Design, top: Point, foot: Point, radius_m: float) -> FurniturePart:
    vigour = design.uniform((0.7, 1.15))
    short = top[1] < 0.25
    profile = TURNED[::2] if short else TURNED
    radii = 1.0 + vigour * (profile[:, 1] - 1.0)
    return tube(top + profile[:, :1] * (foot - top), radius_m * radii, 8 if short else 10)


def _fluted(design: Design, top: Point, foot: Point, radius_m: float) -> FurniturePart:
    flutes = circle(16) * np.where(np.arange(16) % 2, 1.0, 0.87)[:, None]
    radii = radius_m * FLUTED[:, 1] * design.uniform((0.9, 1.05))
    return sweep(top + FLUTED[:, :1] * (foot - top), flutes, np.stack([radii, radii], axis=1))


def _sabre(design: Design, top: Point, foot: Point, radius_m: float) -> FurniturePart:
    outward = np.array([0.25 * np.sign(top[0]), 0.0, np.sign(top[2])]) * design.uniform((0.03, 0.06))
    path = spline([top, 0.55 * top + 0.45 * foot - 0.15 * outward, foot + outward], 9)
    taper = np.linspace(1.0, design.uniform(design.traits.taper), 9)
    outline = chamfered_rectangle(0.9 * radius_m, 0.9 * radius_m, 0.3 * radius_m)
    return sweep(path, outline, np.stack([taper, taper], axis=1))


def _cabriole(design: Design, top: Point, foot: Point, radius_m: float) -> FurniturePart:
    diagonal = np.array([np.sign(top[0]), 0.0, np.sign(top[2])]) * design.uniform((0.022, 0.036))
    down = foot - top
    knots = [top, top + 0.2 * down + 0.9 * diagonal, top + 0.62 * down - 0.1 * diagonal]
    knots += [top + 0.88 * down + 0.1 * diagonal, foot + 0.9 * diagonal]
    radii = np.interp(np.linspace(0, 1, 15), [0, 0.15, 0.6, 0.85, 0.93, 1.0], [1.2, 1.35, 0.75, 0.6, 0.95, 0.75])
    return tube(spline(knots, 15), radius_m * radii, 10)


LEG_PROFILES: dict[str, Callable[[Design, Point, Point, float], FurniturePart]] = {
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
