"""Cantilever chairs of one bent tube, and folding chairs."""

import numpy as np

from shelfnet.procedural.archetypes.backs import BackSurface, rail_at
from shelfnet.procedural.archetypes.design import Design
from shelfnet.procedural.archetypes.legs import bar
from shelfnet.procedural.archetypes.upholstery import seat_board, seat_pad
from shelfnet.procedural.curves import chamfered_rectangle, fillet, line, mirror_path
from shelfnet.procedural.parts import FurniturePart, MaterialSlot
from shelfnet.procedural.primitives import sweep, tube
from shelfnet.procedural.solidify import solidify


def cantilever(design: Design) -> list[FurniturePart]:
    """A chair on one steel tube, from the top of the back along the seat, down in front and back along the floor."""
    half, depth, seat_y = design.uniform((0.21, 0.245)), design.uniform((0.42, 0.48)), design.uniform((0.43, 0.46))
    radius, height = design.uniform((0.011, 0.014)), design.uniform((0.36, 0.48))
    lean = np.tan(np.radians(design.uniform((8.0, 16.0)))) * height
    back_z, front_z = -0.5 * depth, 0.5 * depth
    half_path = [
        (0.0, radius, back_z + design.uniform((-0.02, 0.06))),
        (half, radius, back_z + 0.02),
        (half, radius, front_z),
        (half, seat_y - 0.015, front_z + design.uniform((-0.04, 0.03))),
        (half, seat_y - 0.03, back_z),
        (half, seat_y + height, back_z - lean),
    ]
    path = mirror_path(fillet(half_path, design.uniform((0.05, 0.1)), 5)[::-1])
    tubing = tube(path, radius, 10)
    rake, inner = float(np.degrees(np.arctan2(lean, height))), half - 0.2 * radius
    back = BackSurface(inner, inner, seat_y, back_z, height, rake, 0.02, 0.0)
    arms = _cantilever_arms(half, seat_y, back, front_z, radius) if design.chance(design.traits.arms) else []
    return [tubing, *_seat_and_back(design, half, depth, seat_y, back), *arms]


def folding_chair(design: Design) -> list[FurniturePart]:
    """A chair on two pairs of bars that cross under a seat of slats, a board or a sling."""
    half, depth, seat_y = design.uniform((0.2, 0.235)), design.uniform((0.36, 0.42)), design.uniform((0.42, 0.46))
    radius = design.uniform((0.009, 0.012)) if design.metal_frame else design.uniform((0.011, 0.015))
    height = design.uniform((0.34, 0.42))
    foot_front, foot_back = 0.5 * depth + design.uniform((0.0, 0.05)), -0.5 * depth - design.uniform((0.02, 0.08))
    lean = design.uniform((0.07, 0.13))
    head = (half, seat_y + height, -0.5 * depth - lean)
    long_bar = _side_bar(design, [(half, 0.0, foot_front), (half, seat_y, -0.36 * depth), head], radius)
    inner = half - 2.4 * radius
    short_bar = _side_bar(design, [(inner, 0.0, foot_back), (inner, seat_y - 0.02, 0.46 * depth)], radius)
    parts = [*long_bar.mirrored_pair(), *short_bar.mirrored_pair()]
    for x, y, z in (
        (half, 0.08, 0.82 * foot_front),
        (inner, 0.08, 0.86 * foot_back),
        (inner, seat_y - 0.02, 0.46 * depth),
    ):
        parts.append(bar((-x, y, z), (x, y, z), 0.8 * radius))
    rake = float(np.degrees(np.arctan2(0.5 * depth + lean - 0.36 * depth, height)))
    back = BackSurface(half, half, seat_y, -0.36 * depth, height, rake, 0.0, 0.0)
    return parts + _folding_seat(design, inner, depth, seat_y) + _folding_back(design, back)


def _cantilever_arms(
    half: float, seat_y: float, back: BackSurface, front_z: float, radius: float
) -> list[FurniturePart]:
    start = back.points(1.0, 0.48)
    corners = [start, (half, start[1] + 0.01, front_z - 0.05), (half, seat_y - 0.02, front_z - 0.03)]
    loop = tube(fillet(corners, 0.06, 4), 0.85 * radius, 8)
    rest = sweep(
        line(start + np.array([0.0, 0.018, 0.06]), (half, start[1] + 0.026, front_z - 0.1)),
        chamfered_rectangle(0.008, 0.02, 0.004),
        reference=(0.0, 1.0, 0.0),
        slot=MaterialSlot.BODY,
    )
    return [*loop.mirrored_pair(), *rest.mirrored_pair()]


def _seat_and_back(design: Design, half: float, depth: float, seat_y: float, back: BackSurface) -> list[FurniturePart]:
    low, corner = design.uniform((0.3, 0.5)), design.uniform((0.0, 0.12))
    if not design.upholstered:
        return [_curved_seat(half, depth, seat_y), back.board(1.02, low, 1.02, 0.011, corner)]
    thickness = design.uniform(design.traits.plumpness_m)
    seat = seat_pad(design, half, half, depth, thickness).translated(y=seat_y - 0.45 * thickness)
    return [seat, back.cushion(design, low, 1.03, 0.7 * thickness, 5.0)]


def _curved_seat(half: float, depth: float, seat_y: float) -> FurniturePart:
    """A moulded sheet that dips behind the middle and rolls over at the front edge."""
    s, t = np.meshgrid(np.linspace(-1.0, 1.0, 9), np.linspace(-0.5, 0.54, 9), indexing="ij")
    y = (
        seat_y
        + 0.004
        - 0.014 * np.cos(np.pi * (t + 0.1)) * (1.0 - 0.4 * s**2)
        - 0.5 * np.clip(t - 0.38, 0, None) ** 1.5
    )
    return solidify(np.stack([s * half, y, t * depth], axis=-1), 0.012)


def _side_bar(design: Design, corners: list[tuple[float, float, float]], radius: float) -> FurniturePart:
    path = fillet(corners, 0.08, 4) if len(corners) > 2 else line(corners[0], corners[1])
    if design.metal_frame:
        return tube(path, radius, 8)
    return sweep(path, chamfered_rectangle(0.8 * radius, 1.6 * radius, 0.003))


def _folding_seat(design: Design, half: float, depth: float, seat_y: float) -> list[FurniturePart]:
    if design.upholstered:
        t = np.linspace(-0.42, 0.5, 9)
        s, t = np.meshgrid(np.linspace(-1.0, 1.0, 9), t, indexing="ij")
        sag = 0.035 * np.cos(0.5 * np.pi * s) * np.cos(np.pi * (t - 0.04))
        return [solidify(np.stack([s * (half + 0.02), seat_y - sag, t * depth], axis=-1), 0.006)]
    if design.chance(0.3):
        return [seat_board(design, half + 0.015, half, 0.95 * depth, 0.016).translated(y=seat_y - 0.01, z=0.02)]
    count = int(design.rng.integers(5, 9))
    pitch = 0.92 * depth / count
    outline = chamfered_rectangle(0.007, 0.5 * pitch * design.uniform((0.6, 0.85)), 0.002)
    slat = sweep(line((-half - 0.02, seat_y, 0), (half + 0.02, seat_y, 0)), outline, 1.0, (0, 1, 0), MaterialSlot.BODY)
    return [slat.translated(z=0.5 * depth - pitch * (k + 0.4)) for k in range(count)]


def _folding_back(design: Design, back: BackSurface) -> list[FurniturePart]:
    low = design.uniform((0.35, 0.6))
    if design.upholstered or design.chance(0.35):
        return [back.board(1.03, low, 0.99, 0.007 if design.upholstered else 0.011), rail_at(back, 1.0, 0.009)]
    count = int(design.rng.integers(2, 6))
    height = (1.0 - low) * back.height_m / count
    outline = chamfered_rectangle(0.4 * height, 0.006, 0.002)
    heights = low + (1.0 - low) * (np.arange(count) + 0.5) / count
    ends = np.array([-1.02, 1.02])
    return [sweep(back.points(ends, t), outline, 1.0, (0.0, 1.0, 0.0), MaterialSlot.BODY) for t in heights]
