"""The swivel office chair."""

import numpy as np

from shelfnet.procedural.archetypes.backs import BackSurface
from shelfnet.procedural.archetypes.design import Design
from shelfnet.procedural.archetypes.upholstery import seat_pad
from shelfnet.procedural.curves import chamfered_rectangle, circle, fillet, spline
from shelfnet.procedural.parts import FurniturePart, MaterialSlot
from shelfnet.procedural.primitives import box, cushion, lathe, sweep, tube


def office_chair(design: Design) -> list[FurniturePart]:
    """A chair with a five-star base on castors, a gas column, and a back on a bent arm."""
    half, depth, top_y = design.uniform((0.22, 0.26)), design.uniform((0.44, 0.5)), design.uniform((0.44, 0.52))
    thickness = design.uniform((0.06, 0.1)) if design.upholstered else 0.05
    under = top_y - thickness
    parts = [*five_star_base(design, design.uniform((0.28, 0.34))), *_column(under)]
    parts.append(seat_pad(design, half, 0.94 * half, depth, thickness).translated(y=under))
    parts += _back(design, half, depth, top_y)
    if design.chance(0.35 + design.traits.arms):
        parts += _loop_arms(half, depth, top_y) if design.chance(0.5) else _post_arms(design, half, top_y)
    return parts


def five_star_base(design: Design, reach_m: float) -> list[FurniturePart]:
    """Five tapering arms around a hub, each on a double castor; one arm points to the front."""
    outline = chamfered_rectangle(0.016, 0.02, 0.005)
    rise = design.uniform((0.02, 0.05))
    path = np.array([[0.0, 0.085 + rise, 0.03], [0.0, 0.085 + 0.6 * rise, 0.5 * reach_m], [0.0, 0.075, reach_m]])
    arm = sweep(path, outline, np.array([[1.0, 1.2], [0.9, 0.9], [0.7, 0.6]]), (0.0, 1.0, 0.0))
    wheel = lathe([-0.011, -0.008, 0.008, 0.011], [0.02, 0.027, 0.027, 0.02], 8, MaterialSlot.TRIM).rotated(z_deg=90.0)
    stem = lathe([0.03, 0.08], [0.008, 0.008], 8, MaterialSlot.TRIM).translated(z=reach_m - 0.012)
    wheels = [wheel.translated(x=sign * 0.016, y=0.027, z=reach_m - 0.012) for sign in (-1.0, 1.0)]
    return [part.rotated(y_deg=72.0 * k) for k in range(5) for part in (arm, stem, *wheels)]


def _column(under_y: float) -> list[FurniturePart]:
    heights = [0.07, 0.1, 0.14, 0.15, 0.5 * under_y + 0.09, 0.5 * under_y + 0.1, under_y]
    radii = [0.03, 0.035, 0.032, 0.025, 0.025, 0.014, 0.014]
    return [
        lathe(heights, radii, 14, MaterialSlot.TRIM),
        box((0.16, 0.03, 0.22), 0.008, MaterialSlot.TRIM).translated(y=under_y),
    ]


def _back(design: Design, half: float, depth: float, top_y: float) -> list[FurniturePart]:
    high = design.chance(0.45)
    height = design.uniform((0.55, 0.68)) if high else design.uniform((0.34, 0.45))
    surface = BackSurface(
        half_bottom=design.uniform((0.8, 0.95)) * half,
        half_top=design.uniform((0.75, 0.95)) * half,
        base_y=top_y + design.uniform((0.06, 0.12)),
        base_z=-0.5 * depth + 0.01,
        height_m=height,
        rake_deg=design.uniform((7.0, 13.0)),
        bow_m=design.uniform((0.03, 0.06)),
        lumbar_m=design.uniform((0.015, 0.03)),
    )
    spine = surface.points(0.0, np.array([0.12, 0.4])) - [0.0, 0.0, 0.035]
    arm = spline([[0.0, top_y - 0.07, -0.15], [0.0, top_y - 0.07, -0.5 * depth - 0.02], *spine], 10)
    strut = sweep(arm, chamfered_rectangle(0.03, 0.009, 0.003), slot=MaterialSlot.TRIM)
    return [strut, *(_padded(design, surface) if design.upholstered else _framed(surface))]


def _padded(design: Design, surface: BackSurface) -> list[FurniturePart]:
    parts = [surface.cushion(design, 0.0, 1.0, 0.066, design.uniform((3.0, 5.0)))]
    if design.chance(0.3):
        head = surface.points(0.0, 1.14)
        parts.append(cushion((0.26, 0.12, 0.06), 4.0, 2.6, 4, 2).translated(*head))
        parts.append(tube(surface.points(0.0, np.array([0.9, 1.12])) - [0.0, 0.0, 0.02], 0.01, 8, MaterialSlot.TRIM))
    return parts


def _framed(surface: BackSurface) -> list[FurniturePart]:
    """A mesh back: taut fabric in a rounded frame."""
    angle = np.linspace(0.0, 2.0 * np.pi, 33)[:-1]
    s = np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** 0.45
    t = 0.5 + 0.5 * np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** 0.45
    frame = sweep(surface.points(s, t), 0.011 * circle(7), reference=(1.0, 0.0, 0.0), closed=True)
    return [surface.board(0.96, 0.02, 0.98, 0.008, 0.06), frame]


def _loop_arms(half: float, depth: float, top_y: float) -> list[FurniturePart]:
    x = half + 0.035
    corners = [(0.6 * half, top_y - 0.06, 0.12), (x, top_y - 0.06, 0.13), (x, top_y + 0.2, 0.16)]
    corners += [(x, top_y + 0.2, -0.3 * depth), (x, top_y - 0.06, -0.12), (0.6 * half, top_y - 0.06, -0.11)]
    return tube(fillet(corners, 0.05, 4), 0.012, 8).mirrored_pair()


def _post_arms(design: Design, half: float, top_y: float) -> list[FurniturePart]:
    x, y = half + 0.04, top_y + design.uniform((0.18, 0.23))
    path = fillet([(0.6 * half, top_y - 0.07, 0.0), (x, top_y - 0.07, 0.0), (x, y, 0.0)], 0.04, 4)
    post = sweep(path, chamfered_rectangle(0.022, 0.01, 0.003), reference=(0.0, 0.0, 1.0), slot=MaterialSlot.TRIM)
    rest = cushion((0.075, 0.03, 0.25), 3.5, 3.0, 4, slot=MaterialSlot.TRIM).translated(x=x, y=y + 0.01, z=0.02)
    return [*post.mirrored_pair(), *rest.mirrored_pair()]
