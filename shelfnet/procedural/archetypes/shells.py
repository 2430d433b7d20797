"""Moulded shell chairs and the reclining lounge chair."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from shelfnet.procedural.archetypes.backs import BackSurface
from shelfnet.procedural.archetypes.design import Design
from shelfnet.procedural.archetypes.legs import bar, four_legs, leg
from shelfnet.procedural.archetypes.upholstery import pad
from shelfnet.procedural.curves import chamfered_rectangle, fillet, spline
from shelfnet.procedural.parts import FurniturePart, MaterialSlot
from shelfnet.procedural.primitives import lathe, sweep, tube
from shelfnet.procedural.solidify import solidify

Base = Callable[[Design, float, float, float], list[FurniturePart]]


def shell_chair(design: Design) -> list[FurniturePart]:
    """A chair with one moulded shell for seat and back, on dowels, wire, a sled or a pedestal."""
    half, seat_y = design.uniform((0.22, 0.26)), design.uniform((0.42, 0.46))
    depth, height = design.uniform((0.4, 0.45)), design.uniform((0.34, 0.44))
    bucket = design.uniform((0.05, 0.14)) if design.chance(0.6) else design.uniform((0.01, 0.03))
    shell = _shell(design, half, depth, height, bucket)
    under = seat_y - 0.03
    base = design.choice(_bases(design))
    thickness = 0.035 if design.upholstered else 0.012
    rim = MaterialSlot.BODY if design.upholstered else MaterialSlot.TRIM
    moulded = solidify(shell + np.array([0.0, seat_y, 0.0]), thickness, rim=rim)
    return [moulded, *base(design, half, depth, under)]


def lounge_chair(design: Design) -> list[FurniturePart]:
    """A chair with a low open frame, broad arms, and a reclined seat and back."""
    half, depth = design.uniform((0.27, 0.31)), design.uniform((0.52, 0.6))
    seat_y, height = design.uniform((0.36, 0.41)), design.uniform((0.45, 0.6))
    tilt, rake = design.uniform((6.0, 11.0)), design.uniform((20.0, 30.0))
    radius = 1.15 * design.bar_radius_m
    thickness = design.uniform((0.1, 0.14)) if design.upholstered else 0.02
    back = BackSurface(half, half, seat_y - 0.02, -0.38 * depth, height, rake, 0.0, 0.015)
    seat = _tilted_seat(design, half, depth, thickness).rotated(x_deg=-tilt).translated(y=seat_y)
    parts = [
        seat,
        *_reclined_back(design, back, thickness),
        *_side_frames(design, half + 0.025, depth, seat_y, back, radius),
    ]
    for z, y in ((0.4 * depth, seat_y - 0.5 * thickness), (-0.36 * depth, seat_y - 0.09)):
        parts.append(bar((-half - 0.03, y, z), (half + 0.03, y, z), 0.8 * radius))
    return parts


def _shell(design: Design, half: float, depth: float, height: float, bucket: float) -> Float[np.ndarray, "m n 3"]:
    """Grid from the rolled front edge over the seat and up the back, with sides that curl up by ``bucket``."""
    lean = design.uniform((0.08, 0.14))
    knots = [[-0.03, 0.5 * depth], [0.005, 0.38 * depth], [-0.012, -0.1 * depth], [0.03, -0.4 * depth]]
    knots += [[0.35 * height, -0.5 * depth - 0.3 * lean], [height, -0.5 * depth - lean]]
    profile = spline(np.array(knots), 17)
    t, s = np.meshgrid(np.linspace(0.0, 1.0, 17), np.linspace(-1.0, 1.0, 13), indexing="ij")
    shoulder = design.uniform((0.75, 1.0))
    width = half * np.interp(t, [0.0, 0.2, 0.5, 0.75, 1.0], [0.9, 1.0, 1.0, 0.97, shoulder])
    rounding = 1.0 - 0.25 * np.clip((t - 0.75) / 0.25, 0, 1) ** 3 - 0.1 * np.clip((0.15 - t) / 0.15, 0, 1) ** 2
    steps = np.gradient(profile, axis=0)
    normal = np.stack([-steps[:, 1], steps[:, 0]], axis=1) / np.linalg.norm(steps, axis=1, keepdims=True)
    normal *= np.sign(normal[4, 0])
    curl = (bucket * np.interp(t, [0.0, 0.3, 0.5, 0.8, 1.0], [0.25, 0.6, 1.0, 0.6, 0.2]) * np.abs(s) ** 2.5)[..., None]
    yz = profile[:, None] + curl * normal[:, None]
    return np.stack([s * width * rounding, yz[..., 0], yz[..., 1]], axis=-1)


def _bases(design: Design) -> list[Base]:
    if not design.metal_frame:
        return [_dowels]
    return [_sled, _pedestal, _wire]


def _dowels(design: Design, half: float, depth: float, under: float) -> list[FurniturePart]:
    radius = design.uniform((0.013, 0.017))
    parts = four_legs(design, "tapered", 0.55 * half, 0.26 * depth, under + 0.015, radius, design.uniform((9.0, 14.0)))
    beam = bar((-0.6 * half, under, 0.0), (0.6 * half, under, 0.0), 0.009)
    return [*parts, beam.translated(z=0.26 * depth), beam.translated(z=-0.26 * depth)]


def _wire(design: Design, half: float, depth: float, under: float) -> list[FurniturePart]:
    """Thin splayed rods with crossed struts."""
    radius, reach = 0.0075, design.uniform((0.05, 0.1))
    parts: list[FurniturePart] = []
    for sign in (1.0, -1.0):
        head = (0.5 * half, under + 0.02, sign * 0.25 * depth)
        foot = (0.5 * half + reach, 0.0, sign * (0.25 * depth + reach))
        parts += leg(design, "tube", head, foot, radius).mirrored_pair()
    strut = bar(
        (0.5 * half, under, 0.25 * depth), (0.5 * half + 0.7 * reach, 0.3 * under, -0.25 * depth - 0.7 * reach), 0.004
    )
    cross = bar(
        (0.5 * half, under, 0.25 * depth), (-0.5 * half - 0.6 * reach, 0.35 * under, 0.25 * depth + 0.6 * reach), 0.004
    )
    return [*parts, *strut.mirrored_pair(), *cross.mirrored_pair()]


def _sled(design: Design, half: float, depth: float, under: float) -> list[FurniturePart]:
    x, r = 0.85 * half, 0.008
    corners = [(0.3 * half, under, 0.2 * depth), (x, under - 0.01, 0.25 * depth), (x, r, 0.5 * depth)]
    corners += [(x, r, -0.55 * depth), (x, under - 0.01, -0.2 * depth), (0.3 * half, under, -0.15 * depth)]
    bridge = bar((-0.3 * half, under, 0.0), (0.3 * half, under, 0.0), r)
    return [
        *tube(fillet(corners, 0.05, 4), r, 8).mirrored_pair(),
        bridge.translated(z=0.2 * depth),
        bridge.translated(z=-0.15 * depth),
    ]


def _pedestal(design: Design, half: float, depth: float, under: float) -> list[FurniturePart]:
    foot = design.uniform((0.2, 0.25))
    heights = [0.0, 0.008, 0.018, 0.05, 0.14, 0.6 * under, under, under + 0.012]
    return [lathe(heights, [foot, foot, 0.9 * foot, 0.25 * foot, 0.03, 0.022, 0.06, 0.08], 24)]


def _tilted_seat(design: Design, half: float, depth: float, thickness: float) -> FurniturePart:
    if design.upholstered:
        return pad(design, (2.0 * half, thickness, depth), 1, 8.0, 3.4)
    s, t = np.meshgrid(np.linspace(-1, 1, 7), np.linspace(-0.5, 0.5, 9), indexing="ij")
    return solidify(np.stack([half * s, -0.02 * np.cos(np.pi * t), depth * t], axis=-1), thickness)


def _reclined_back(design: Design, back: BackSurface, thickness: float) -> list[FurniturePart]:
    if design.upholstered:
        return [back.cushion(design, 0.05, 1.05, 0.8 * thickness, 7.0, 3.2)]
    if design.chance(0.5):
        return [back.board(0.98, 0.05, 1.0, 0.014, 0.05)]
    outline = chamfered_rectangle(design.uniform((0.018, 0.028)), 0.006, 0.002)
    posts = [
        sweep(back.points(s, np.linspace(0.0, 1.0, 6)), outline, slot=MaterialSlot.BODY)
        for s in np.linspace(-0.85, 0.85, 7)
    ]
    return [*posts, tube(back.points(np.linspace(-1, 1, 5), 1.0), 0.014, 8)]


def _side_frames(
    design: Design, x: float, depth: float, seat_y: float, back: BackSurface, radius: float
) -> list[FurniturePart]:
    """Front legs, rear legs that continue as back posts, and paddle arms on both."""
    arm_y = seat_y + design.uniform((0.13, 0.19))
    kind = (
        "tube"
        if design.metal_frame
        else design.choice([k for k in design.traits.legs if k not in {"tube", "cabriole"}] or ["round"])
    )
    front = leg(design, kind, (x, arm_y, 0.36 * depth), (x, 0.0, 0.42 * depth), radius)
    upper = back.points(1.0, np.array([0.3, 0.95])) * [0, 1, 1] + [x, 0, -0.03]
    rear = tube(spline([(x, 0.0, -0.5 * depth - 0.06), (x, 0.6 * seat_y, -0.44 * depth), *upper], 9), 0.9 * radius, 10)
    behind = float(np.interp(arm_y, upper[:, 1], upper[:, 2]))
    paddle = spline([(x, arm_y + 0.01, behind), (x + 0.005, arm_y + 0.012, 0.0), (x, arm_y + 0.004, 0.46 * depth)], 9)
    width = np.linspace(0.7, 1.25, 9)
    arm = sweep(paddle, chamfered_rectangle(0.011, 0.03, 0.006), np.stack([np.ones(9), width], axis=1), (0.0, 1.0, 0.0))
    return [*front.mirrored_pair(), *rear.mirrored_pair(), *arm.mirrored_pair()]
