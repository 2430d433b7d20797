"""Framed chairs: dining, ladder-back, Windsor and medallion."""

from dataclasses import dataclass

import numpy as np

from shelfnet.procedural.archetypes.backs import BackSurface, crest, filling, slat
from shelfnet.procedural.archetypes.design import Design
from shelfnet.procedural.archetypes.legs import apron, bar, four_legs, leg, stretchers
from shelfnet.procedural.archetypes.upholstery import pad, seat_board, seat_pad, wrapped
from shelfnet.procedural.curves import chamfered_rectangle, circle, spline, superellipse
from shelfnet.procedural.parts import FurniturePart, MaterialSlot
from shelfnet.procedural.primitives import sweep, tube


@dataclass(frozen=True)
class Seat:
    """Dimensions of a seat in metres; ``top_y`` is the sitting height."""

    front_half: float
    back_half: float
    depth_m: float
    top_y: float


def dining_seat(design: Design) -> Seat:
    """Draw the dimensions of a dining chair's seat; children's chairs are lower and broader."""
    kids = design.style == "Kids"
    front = design.uniform((0.2, 0.24))
    top = design.uniform((0.3, 0.36)) if kids else design.uniform((0.43, 0.47))
    narrow = 1.0 if design.style == "Minimalist" else design.uniform((0.85, 0.97))
    return Seat(front, front * narrow, design.uniform((0.39, 0.45)), top)


def dining_chair(design: Design) -> list[FurniturePart]:
    """A chair with four legs, a seat and a back of the style's choice."""
    seat, radius = dining_seat(design), design.bar_radius_m
    thickness = design.uniform(design.traits.plumpness_m) if design.upholstered else design.uniform((0.018, 0.03))
    back = _back_over(design, seat, design.uniform((0.36, 0.52)), radius)
    parts = _seat_parts(design, seat, thickness)
    parts += _front_legs(design, seat, thickness, radius) + _posts(design, seat, back, radius)
    parts += _filled_back(design, back, radius)
    parts += _under_frame(design, seat, thickness, radius)
    if design.chance(0.6 * design.traits.arms):
        parts += _arms(design, seat, back, radius)
    return parts


def ladder_back(design: Design) -> list[FurniturePart]:
    """A chair with turned posts, a ladder of bowed slats and box stretchers in two rows."""
    seat, radius = dining_seat(design), design.uniform((0.015, 0.02))
    back = _back_over(design, seat, design.uniform((0.5, 0.64)), radius)
    parts = _seat_parts(design, seat, design.uniform((0.025, 0.04)))
    parts += _front_legs(design, seat, 0.02, radius) + _posts(design, seat, back, radius)
    count = int(design.rng.integers(3, 6))
    height = back.height_m * design.uniform((0.45, 0.6)) / count
    for t in np.linspace(0.25, 0.95, count):
        parts.append(slat(back, float(t), height, design.uniform((0.008, 0.018)), 0.3))
    half_z = 0.5 * seat.depth_m - radius
    for height_y in (0.35, 0.6):
        parts += stretchers(design, "box", seat.back_half, half_z, height_y * seat.top_y, 0.55 * radius)
    for sign in (1.0, -1.0) if design.chance(0.8) else ():
        finial = tube(back.points(sign, np.array([1.0, 1.03, 1.06, 1.09])), radius * np.array([0.6, 1.1, 1.0, 0.3]), 10)
        parts.append(finial)
    return parts + (_arms(design, seat, back, radius) if design.chance(0.3) else [])


def windsor(design: Design) -> list[FurniturePart]:
    """A chair with a saddle seat, splayed turned legs, and spindles in a steam-bent bow."""
    seat = dining_seat(design)
    board = seat_board(design, 1.05 * seat.front_half, seat.back_half, seat.depth_m, 0.038)
    kind = "turned" if design.style in {"American Country", "European", "Mediterranean"} else "tapered"
    inset, under = 0.72 * seat.back_half, seat.top_y - 0.03
    splay = design.uniform((9.0, 14.0))
    parts = [board.translated(y=seat.top_y - 0.038)]
    parts += four_legs(design, kind, inset, 0.32 * seat.depth_m, under, design.uniform((0.016, 0.02)), splay)
    spread = 0.62 * under * np.tan(np.radians(splay))
    low = stretchers(design, "h", inset + 0.7 * spread, 0.32 * seat.depth_m + spread, 0.38 * under, 0.012)
    return parts + low + _bow_back(design, seat)


def medallion(design: Design) -> list[FurniturePart]:
    """A Louis XVI chair: an oval upholstered back in a moulded frame, a stuffed seat, fluted legs."""
    seat, radius = dining_seat(design), design.uniform((0.021, 0.026))
    plump = design.uniform(design.traits.plumpness_m)
    kind = design.choice([name for name in design.traits.legs if name not in {"tube", "block"}] or ["turned"])
    top = seat.top_y - plump
    parts = four_legs(design, kind, 0.92 * seat.back_half, 0.5 * seat.depth_m - radius, top, radius, 2.0)
    frame = seat_board(design, seat.front_half, seat.back_half, seat.depth_m, 0.06, MaterialSlot.FRAME)
    cushion = seat_pad(design, 0.97 * seat.front_half, 0.97 * seat.back_half, 0.96 * seat.depth_m, 1.5 * plump)
    parts += [frame.translated(y=top - 0.055), cushion.translated(y=top - 0.4 * plump)]
    half = np.array([design.uniform((0.19, 0.225)), design.uniform((0.22, 0.27))])
    exponent = design.uniform((2.0, 3.2))
    rim = np.insert(superellipse(half[0], half[1], exponent, 24), 2, 0.0, axis=1)
    oval = sweep(rim, circle(7) * np.array([0.018, 0.014]), reference=(1.0, 0.0, 0.0), closed=True)
    stuffing = pad(design, (2.0 * half[0], 2.0 * half[1], 0.06), 2, exponent, 2.2)
    rake, centre_y = design.uniform((8.0, 13.0)), seat.top_y + half[1] + design.uniform((0.05, 0.1))
    medal = [part.deformed(lambda v: wrapped(v, half[0], 0.03)).rotated(x_deg=-rake) for part in (oval, stuffing)]
    z = -0.5 * seat.depth_m - np.tan(np.radians(rake)) * (centre_y - seat.top_y) + 0.02
    parts += [part.translated(y=centre_y, z=z) for part in medal]
    knee = (0.55 * seat.back_half, top - 0.03, -0.5 * seat.depth_m + 0.02)
    joint = (0.6 * half[0], centre_y - 0.76 * half[1], z + 0.76 * half[1] * np.sin(np.radians(rake)) + 0.01)
    parts += tube(
        spline([knee, (0.5 * (knee[0] + joint[0]), 0.5 * (knee[1] + joint[1]), knee[2] - 0.01), joint], 6),
        0.8 * radius,
        10,
    ).mirrored_pair()
    if design.chance(design.traits.arms):
        parts += _scroll_arms(design, seat, (0.95 * half[0], centre_y - 0.05, z + 0.03))
    return parts


def _back_over(design: Design, seat: Seat, height_m: float, radius_m: float) -> BackSurface:
    straightness = 0.0 if design.style in {"Minimalist", "Industrial"} else 1.0
    return BackSurface(
        half_bottom=seat.back_half - radius_m,
        half_top=(seat.back_half - radius_m) * design.uniform((0.95, 1.08)),
        base_y=seat.top_y,
        base_z=-0.5 * seat.depth_m + radius_m,
        height_m=height_m,
        rake_deg=design.uniform((6.0, 14.0)),
        bow_m=straightness * design.uniform((0.012, 0.04)),
        lumbar_m=straightness * design.uniform((0.0, 0.02)),
    )


def _seat_parts(design: Design, seat: Seat, thickness_m: float) -> list[FurniturePart]:
    if not design.upholstered:
        board = seat_board(design, seat.front_half, seat.back_half, seat.depth_m, thickness_m)
        return [board.translated(y=seat.top_y - thickness_m)]
    cushion = seat_pad(design, seat.front_half, seat.back_half, seat.depth_m, thickness_m)
    base = seat_board(
        design, 0.95 * seat.front_half, 0.95 * seat.back_half, 0.95 * seat.depth_m, 0.02, MaterialSlot.FRAME
    )
    return [cushion.translated(y=seat.top_y - thickness_m), base.translated(y=seat.top_y - thickness_m - 0.008)]


def _front_legs(design: Design, seat: Seat, thickness_m: float, radius_m: float) -> list[FurniturePart]:
    kind = "tube" if design.metal_frame else design.choice([k for k in design.traits.legs if k != "tube"] or ["square"])
    top_y = seat.top_y - 0.6 * thickness_m
    reach = top_y * np.tan(np.radians(design.uniform(design.traits.splay_deg)))
    top = (0.9 * seat.front_half, top_y, 0.44 * seat.depth_m)
    return leg(design, kind, top, (top[0] + 0.5 * reach, 0.0, top[2] + 0.7 * reach), radius_m).mirrored_pair()


def _posts(design: Design, seat: Seat, back: BackSurface, radius_m: float) -> list[FurniturePart]:
    """Rear legs and back posts in one piece, kicked back towards the floor."""
    kick = design.uniform((0.04, 0.1))
    t = np.linspace(0.0, 1.0, 6)
    upper = back.points(1.0, t)
    foot = np.array([back.half_bottom + 0.2 * kick, 0.0, back.base_z - kick])
    path = spline(np.concatenate([[foot, [back.half_bottom, 0.55 * seat.top_y, back.base_z - 0.25 * kick]], upper]), 14)
    taper = np.interp(path[:, 1], [0.0, seat.top_y, path[-1, 1]], [0.75, 1.05, 0.8])
    scales = np.stack([taper, taper], axis=1)
    if design.metal_frame:
        return tube(path, radius_m, 10).mirrored_pair()
    if set(design.traits.legs) & {"square", "block", "sabre"}:
        return sweep(path, chamfered_rectangle(0.8 * radius_m, radius_m, 0.25 * radius_m), scales).mirrored_pair()
    return tube(path, 0.95 * radius_m * taper, 10).mirrored_pair()


def _filled_back(design: Design, back: BackSurface, radius_m: float) -> list[FurniturePart]:
    soft_kinds = [kind for kind in design.traits.backs if kind == "pad"]
    hard_kinds = [kind for kind in design.traits.backs if kind != "pad"] or ["panel"]
    kind = design.choice(soft_kinds if design.upholstered and soft_kinds else hard_kinds)
    if design.upholstered and design.chance(0.5):
        kind = "pad"
    if design.wrought_iron:
        kind = "scrolls"
    if kind in {"pad", "panel", "rail"} and design.chance(0.5):
        return filling(design, kind, back, 0.12, 1.02)
    thickness = 1.4 * radius_m if design.metal_frame else design.uniform((0.016, 0.022))
    top = crest(design, design.choice(design.traits.crests), back, 1.0, design.uniform((0.04, 0.075)), thickness)
    return [*filling(design, kind, back, 0.1, 0.97), top]


def _under_frame(design: Design, seat: Seat, thickness_m: float, radius_m: float) -> list[FurniturePart]:
    half_x, half_z = 0.88 * seat.back_half, 0.42 * seat.depth_m
    bars = stretchers(
        design, design.choice(design.traits.stretchers), half_x, half_z, 0.35 * seat.top_y, 0.6 * radius_m
    )
    if design.metal_frame or design.style in {"Minimalist", "Vintage/Retro"}:
        return bars
    return bars + apron(half_x, half_z, seat.top_y - thickness_m, design.uniform((0.035, 0.065)))


def _arms(design: Design, seat: Seat, back: BackSurface, radius_m: float) -> list[FurniturePart]:
    """Arms from the posts forward, on supports that stand on the seat's front corners."""
    rise = design.uniform((0.19, 0.24))
    t = rise / back.height_m
    start = back.points(1.0, t)
    x, front_z = 1.04 * seat.front_half, design.uniform((0.1, 0.3)) * seat.depth_m
    elbow = [x, seat.top_y + rise - 0.005, 0.5 * (start[2] + front_z)]
    path = spline([start, elbow, [x, seat.top_y + rise - 0.015, front_z]], 9)
    outline = chamfered_rectangle(0.7 * radius_m, 1.4 * radius_m, 0.3 * radius_m)
    arm = sweep(path, outline, reference=(0.0, 1.0, 0.0))
    support = bar(
        (x, seat.top_y + rise - 0.015, front_z - 0.02),
        (0.94 * seat.front_half, seat.top_y - 0.02, front_z),
        0.8 * radius_m,
    )
    return [*arm.mirrored_pair(), *support.mirrored_pair()]


def _scroll_arms(design: Design, seat: Seat, start: tuple[float, float, float]) -> list[FurniturePart]:
    x, y = 1.08 * seat.front_half, seat.top_y + design.uniform((0.18, 0.22))
    front = [x, y, 0.2 * seat.depth_m]
    path = spline([start, [x, y + 0.01, -0.15 * seat.depth_m], front, [x - 0.01, y - 0.04, 0.24 * seat.depth_m]], 12)
    support = spline([front, [x, y - 0.09, 0.1 * seat.depth_m], [0.93 * seat.front_half, seat.top_y - 0.05, 0.2]], 8)
    radii = 0.016 * np.linspace(0.9, 1.2, 12)
    return tube(path, radii, 10).mirrored_pair() + tube(support, 0.015, 10).mirrored_pair()


def _bow_back(design: Design, seat: Seat) -> list[FurniturePart]:
    height, rake = design.uniform((0.42, 0.56)), design.uniform((10.0, 16.0))
    half = 0.92 * seat.back_half
    back = BackSurface(half, 1.12 * half, seat.top_y - 0.01, -0.36 * seat.depth_m, height, rake, 0.07, 0.0)
    angle = np.linspace(0.0, np.pi, 23)
    fullness = design.uniform((2.2, 3.4))
    s = np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** (2.0 / fullness)
    t = np.sin(angle) ** (2.0 / fullness)
    parts = [tube(back.points(s, t), 0.011, 10)]
    count = int(design.rng.integers(6, 10))
    for position in np.linspace(-0.78, 0.78, count):
        top = (1.0 - abs(position) ** fullness) ** (1.0 / fullness)
        foot, head = back.points(0.85 * position, 0.0), back.points(position, top)
        radii = 0.0075 * np.array([0.9, 1.2, 1.1, 0.7])
        parts.append(tube(np.linspace(foot, head, 4), radii, 7))
    return parts + (_windsor_arms(back, seat) if design.chance(design.traits.arms) else [])


def _windsor_arms(back: BackSurface, seat: Seat) -> list[FurniturePart]:
    start = back.points(1.0, 0.5)
    x = 1.15 * seat.front_half
    front = np.array([x, start[1] - 0.02, 0.2 * seat.depth_m])
    arm = tube(spline([start, [x, start[1] - 0.005, 0.0], front], 8), np.linspace(0.011, 0.017, 8), 8)
    posts = [
        bar(front - [0, 0, dz], (0.95 * seat.front_half, seat.top_y - 0.02, 0.15 * seat.depth_m - dz), 0.009, False)
        for dz in (0.03, 0.13)
    ]
    return [part for one in (arm, *posts) for part in one.mirrored_pair()]
