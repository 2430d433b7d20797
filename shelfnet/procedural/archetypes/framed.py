"""Chairs whose rear legs rise into the posts of the back: dining, ladder-back, Windsor, medallion."""

from dataclasses import dataclass

import numpy as np

from shelfnet.procedural.archetypes.backs import BackSurface, crest, filling, slat
from shelfnet.procedural.archetypes.brief import Brief
from shelfnet.procedural.archetypes.legs import apron, bar, four_legs, leg, stretchers
from shelfnet.procedural.archetypes.upholstery import pad, seat_board, seat_pad, wrapped
from shelfnet.procedural.curves import chamfered_rectangle, circle, smooth, superellipse
from shelfnet.procedural.parts import Part, Surface
from shelfnet.procedural.primitives import sweep, tube


@dataclass(frozen=True)
class Seat:
    """A seat's size in metres; ``top_y`` is where one sits."""

    front_half: float
    back_half: float
    depth_m: float
    top_y: float


def dining_seat(brief: Brief) -> Seat:
    """Proportions of a chair at a table; children's chairs are lower and broader."""
    kids = brief.style == "Kids"
    front = brief.within((0.2, 0.24))
    top = brief.within((0.3, 0.36)) if kids else brief.within((0.43, 0.47))
    narrow = 1.0 if brief.style == "Minimalist" else brief.within((0.85, 0.97))
    return Seat(front, front * narrow, brief.within((0.39, 0.45)), top)


def dining_chair(brief: Brief) -> list[Part]:
    """Four legs, a seat, and whatever back the style likes."""
    seat, radius = dining_seat(brief), brief.bar_radius_m
    thickness = brief.within(brief.traits.plumpness_m) if brief.soft else brief.within((0.018, 0.03))
    back = _back_over(brief, seat, brief.within((0.36, 0.52)), radius)
    parts = _seat_parts(brief, seat, thickness)
    parts += _front_legs(brief, seat, thickness, radius) + _posts(brief, seat, back, radius)
    parts += _filled_back(brief, back, radius)
    parts += _under_frame(brief, seat, thickness, radius)
    if brief.chance(0.6 * brief.traits.arms):
        parts += _arms(brief, seat, back, radius)
    return parts


def ladder_back(brief: Brief) -> list[Part]:
    """Turned posts and a ladder of bowed slats, box stretchers in two rows."""
    seat, radius = dining_seat(brief), brief.within((0.015, 0.02))
    back = _back_over(brief, seat, brief.within((0.5, 0.64)), radius)
    parts = _seat_parts(brief, seat, brief.within((0.025, 0.04)))
    parts += _front_legs(brief, seat, 0.02, radius) + _posts(brief, seat, back, radius)
    count = int(brief.rng.integers(3, 6))
    height = back.height_m * brief.within((0.45, 0.6)) / count
    for t in np.linspace(0.25, 0.95, count):
        parts.append(slat(back, float(t), height, brief.within((0.008, 0.018)), 0.3))
    half_z = 0.5 * seat.depth_m - radius
    for height_y in (0.35, 0.6):
        parts += stretchers(brief, "box", seat.back_half, half_z, height_y * seat.top_y, 0.55 * radius)
    for sign in (1.0, -1.0) if brief.chance(0.8) else ():
        finial = tube(back.points(sign, np.array([1.0, 1.03, 1.06, 1.09])), radius * np.array([0.6, 1.1, 1.0, 0.3]), 10)
        parts.append(finial)
    return parts + (_arms(brief, seat, back, radius) if brief.chance(0.3) else [])


def windsor(brief: Brief) -> list[Part]:
    """A saddle seat, splayed turned legs, and spindles gathered by a steam-bent bow."""
    seat = dining_seat(brief)
    board = seat_board(brief, 1.05 * seat.front_half, seat.back_half, seat.depth_m, 0.038)
    kind = "turned" if brief.style in {"American Country", "European", "Mediterranean"} else "tapered"
    inset, under = 0.72 * seat.back_half, seat.top_y - 0.03
    splay = brief.within((9.0, 14.0))
    parts = [board.moved(y=seat.top_y - 0.038)]
    parts += four_legs(brief, kind, inset, 0.32 * seat.depth_m, under, brief.within((0.016, 0.02)), splay)
    spread = 0.62 * under * np.tan(np.radians(splay))
    low = stretchers(brief, "h", inset + 0.7 * spread, 0.32 * seat.depth_m + spread, 0.38 * under, 0.012)
    return parts + low + _bow_back(brief, seat)


def medallion(brief: Brief) -> list[Part]:
    """A Louis XVI chair: an oval upholstered back in a moulded frame, a stuffed seat, fluted legs."""
    seat, radius = dining_seat(brief), brief.within((0.021, 0.026))
    plump = brief.within(brief.traits.plumpness_m)
    kind = brief.pick([name for name in brief.traits.legs if name not in {"tube", "block"}] or ["turned"])
    top = seat.top_y - plump
    parts = four_legs(brief, kind, 0.92 * seat.back_half, 0.5 * seat.depth_m - radius, top, radius, 2.0)
    frame = seat_board(brief, seat.front_half, seat.back_half, seat.depth_m, 0.06, Surface.FRAME)
    cushion = seat_pad(brief, 0.97 * seat.front_half, 0.97 * seat.back_half, 0.96 * seat.depth_m, 1.5 * plump)
    parts += [frame.moved(y=top - 0.055), cushion.moved(y=top - 0.4 * plump)]
    half = np.array([brief.within((0.19, 0.225)), brief.within((0.22, 0.27))])
    exponent = brief.within((2.0, 3.2))
    rim = np.insert(superellipse(half[0], half[1], exponent, 24), 2, 0.0, axis=1)
    oval = sweep(rim, circle(7) * np.array([0.018, 0.014]), reference=(1.0, 0.0, 0.0), closed=True)
    stuffing = pad(brief, (2.0 * half[0], 2.0 * half[1], 0.06), 2, exponent, 2.2)
    rake, centre_y = brief.within((8.0, 13.0)), seat.top_y + half[1] + brief.within((0.05, 0.1))
    medal = [part.bent(lambda v: wrapped(v, half[0], 0.03)).turned(x_deg=-rake) for part in (oval, stuffing)]
    z = -0.5 * seat.depth_m - np.tan(np.radians(rake)) * (centre_y - seat.top_y) + 0.02
    parts += [part.moved(y=centre_y, z=z) for part in medal]
    knee = (0.55 * seat.back_half, top - 0.03, -0.5 * seat.depth_m + 0.02)
    joint = (0.6 * half[0], centre_y - 0.76 * half[1], z + 0.76 * half[1] * np.sin(np.radians(rake)) + 0.01)
    parts += tube(
        smooth([knee, (0.5 * (knee[0] + joint[0]), 0.5 * (knee[1] + joint[1]), knee[2] - 0.01), joint], 6),
        0.8 * radius,
        10,
    ).both_sides()
    if brief.chance(brief.traits.arms):
        parts += _scroll_arms(brief, seat, (0.95 * half[0], centre_y - 0.05, z + 0.03))
    return parts


def _back_over(brief: Brief, seat: Seat, height_m: float, radius_m: float) -> BackSurface:
    straightness = 0.0 if brief.style in {"Minimalist", "Industrial"} else 1.0
    return BackSurface(
        half_bottom=seat.back_half - radius_m,
        half_top=(seat.back_half - radius_m) * brief.within((0.95, 1.08)),
        base_y=seat.top_y,
        base_z=-0.5 * seat.depth_m + radius_m,
        height_m=height_m,
        rake_deg=brief.within((6.0, 14.0)),
        bow_m=straightness * brief.within((0.012, 0.04)),
        lumbar_m=straightness * brief.within((0.0, 0.02)),
    )


def _seat_parts(brief: Brief, seat: Seat, thickness_m: float) -> list[Part]:
    if not brief.soft:
        board = seat_board(brief, seat.front_half, seat.back_half, seat.depth_m, thickness_m)
        return [board.moved(y=seat.top_y - thickness_m)]
    cushion = seat_pad(brief, seat.front_half, seat.back_half, seat.depth_m, thickness_m)
    base = seat_board(brief, 0.95 * seat.front_half, 0.95 * seat.back_half, 0.95 * seat.depth_m, 0.02, Surface.FRAME)
    return [cushion.moved(y=seat.top_y - thickness_m), base.moved(y=seat.top_y - thickness_m - 0.008)]


def _front_legs(brief: Brief, seat: Seat, thickness_m: float, radius_m: float) -> list[Part]:
    kind = "tube" if brief.metal_frame else brief.pick([k for k in brief.traits.legs if k != "tube"] or ["square"])
    top_y = seat.top_y - 0.6 * thickness_m
    reach = top_y * np.tan(np.radians(brief.within(brief.traits.splay_deg)))
    top = (0.9 * seat.front_half, top_y, 0.44 * seat.depth_m)
    return leg(brief, kind, top, (top[0] + 0.5 * reach, 0.0, top[2] + 0.7 * reach), radius_m).both_sides()


def _posts(brief: Brief, seat: Seat, back: BackSurface, radius_m: float) -> list[Part]:
    """Rear legs and posts in one piece, kicked back towards the floor."""
    kick = brief.within((0.04, 0.1))
    t = np.linspace(0.0, 1.0, 6)
    upper = back.points(1.0, t)
    foot = np.array([back.half_bottom + 0.2 * kick, 0.0, back.base_z - kick])
    path = smooth(np.concatenate([[foot, [back.half_bottom, 0.55 * seat.top_y, back.base_z - 0.25 * kick]], upper]), 14)
    taper = np.interp(path[:, 1], [0.0, seat.top_y, path[-1, 1]], [0.75, 1.05, 0.8])
    scales = np.stack([taper, taper], axis=1)
    if brief.metal_frame:
        return tube(path, radius_m, 10).both_sides()
    if set(brief.traits.legs) & {"square", "block", "sabre"}:
        return sweep(path, chamfered_rectangle(0.8 * radius_m, radius_m, 0.25 * radius_m), scales).both_sides()
    return tube(path, 0.95 * radius_m * taper, 10).both_sides()


def _filled_back(brief: Brief, back: BackSurface, radius_m: float) -> list[Part]:
    soft_kinds = [kind for kind in brief.traits.backs if kind == "pad"]
    hard_kinds = [kind for kind in brief.traits.backs if kind != "pad"] or ["panel"]
    kind = brief.pick(soft_kinds if brief.soft and soft_kinds else hard_kinds)
    if brief.soft and brief.chance(0.5):
        kind = "pad"
    if brief.wrought:
        kind = "scrolls"
    if kind in {"pad", "panel", "rail"} and brief.chance(0.5):
        return filling(brief, kind, back, 0.12, 1.02)
    thickness = 1.4 * radius_m if brief.metal_frame else brief.within((0.016, 0.022))
    top = crest(brief, brief.pick(brief.traits.crests), back, 1.0, brief.within((0.04, 0.075)), thickness)
    return [*filling(brief, kind, back, 0.1, 0.97), top]


def _under_frame(brief: Brief, seat: Seat, thickness_m: float, radius_m: float) -> list[Part]:
    half_x, half_z = 0.88 * seat.back_half, 0.42 * seat.depth_m
    bars = stretchers(brief, brief.pick(brief.traits.stretchers), half_x, half_z, 0.35 * seat.top_y, 0.6 * radius_m)
    if brief.metal_frame or brief.style in {"Minimalist", "Vintage/Retro"}:
        return bars
    return bars + apron(half_x, half_z, seat.top_y - thickness_m, brief.within((0.035, 0.065)))


def _arms(brief: Brief, seat: Seat, back: BackSurface, radius_m: float) -> list[Part]:
    """Arms from the posts forward, on supports that stand on the seat's front corners."""
    rise = brief.within((0.19, 0.24))
    t = rise / back.height_m
    start = back.points(1.0, t)
    x, front_z = 1.04 * seat.front_half, brief.within((0.1, 0.3)) * seat.depth_m
    elbow = [x, seat.top_y + rise - 0.005, 0.5 * (start[2] + front_z)]
    path = smooth([start, elbow, [x, seat.top_y + rise - 0.015, front_z]], 9)
    outline = chamfered_rectangle(0.7 * radius_m, 1.4 * radius_m, 0.3 * radius_m)
    arm = sweep(path, outline, reference=(0.0, 1.0, 0.0))
    support = bar(
        (x, seat.top_y + rise - 0.015, front_z - 0.02),
        (0.94 * seat.front_half, seat.top_y - 0.02, front_z),
        0.8 * radius_m,
    )
    return [*arm.both_sides(), *support.both_sides()]


def _scroll_arms(brief: Brief, seat: Seat, start: tuple[float, float, float]) -> list[Part]:
    x, y = 1.08 * seat.front_half, seat.top_y + brief.within((0.18, 0.22))
    front = [x, y, 0.2 * seat.depth_m]
    path = smooth([start, [x, y + 0.01, -0.15 * seat.depth_m], front, [x - 0.01, y - 0.04, 0.24 * seat.depth_m]], 12)
    support = smooth([front, [x, y - 0.09, 0.1 * seat.depth_m], [0.93 * seat.front_half, seat.top_y - 0.05, 0.2]], 8)
    radii = 0.016 * np.linspace(0.9, 1.2, 12)
    return tube(path, radii, 10).both_sides() + tube(support, 0.015, 10).both_sides()


def _bow_back(brief: Brief, seat: Seat) -> list[Part]:
    height, rake = brief.within((0.42, 0.56)), brief.within((10.0, 16.0))
    half = 0.92 * seat.back_half
    back = BackSurface(half, 1.12 * half, seat.top_y - 0.01, -0.36 * seat.depth_m, height, rake, 0.07, 0.0)
    angle = np.linspace(0.0, np.pi, 23)
    fullness = brief.within((2.2, 3.4))
    s = np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** (2.0 / fullness)
    t = np.sin(angle) ** (2.0 / fullness)
    parts = [tube(back.points(s, t), 0.011, 10)]
    count = int(brief.rng.integers(6, 10))
    for position in np.linspace(-0.78, 0.78, count):
        top = (1.0 - abs(position) ** fullness) ** (1.0 / fullness)
        foot, head = back.points(0.85 * position, 0.0), back.points(position, top)
        radii = 0.0075 * np.array([0.9, 1.2, 1.1, 0.7])
        parts.append(tube(np.linspace(foot, head, 4), radii, 7))
    return parts + (_windsor_arms(back, seat) if brief.chance(brief.traits.arms) else [])


def _windsor_arms(back: BackSurface, seat: Seat) -> list[Part]:
    start = back.points(1.0, 0.5)
    x = 1.15 * seat.front_half
    front = np.array([x, start[1] - 0.02, 0.2 * seat.depth_m])
    arm = tube(smooth([start, [x, start[1] - 0.005, 0.0], front], 8), np.linspace(0.011, 0.017, 8), 8)
    posts = [
        bar(front - [0, 0, dz], (0.95 * seat.front_half, seat.top_y - 0.02, 0.15 * seat.depth_m - dz), 0.009, False)
        for dz in (0.03, 0.13)
    ]
    return [part for one in (arm, *posts) for part in one.both_sides()]
