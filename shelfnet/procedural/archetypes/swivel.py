"""Chairs on a central column: the swivel office chair."""

import numpy as np

from shelfnet.procedural.archetypes.backs import BackSurface
from shelfnet.procedural.archetypes.brief import Brief
from shelfnet.procedural.archetypes.upholstery import seat_pad
from shelfnet.procedural.curves import chamfered_rectangle, circle, filleted, smooth
from shelfnet.procedural.parts import Part, Surface
from shelfnet.procedural.primitives import box, cushion, lathe, sweep, tube


def office_chair(brief: Brief) -> list[Part]:
    """Five-star base on castors, gas column, upholstered or board seat, and a back on a bent arm."""
    half, depth, top_y = brief.within((0.22, 0.26)), brief.within((0.44, 0.5)), brief.within((0.44, 0.52))
    thickness = brief.within((0.06, 0.1)) if brief.soft else 0.05
    under = top_y - thickness
    parts = [*five_star_base(brief, brief.within((0.28, 0.34))), *_column(under)]
    parts.append(seat_pad(brief, half, 0.94 * half, depth, thickness).moved(y=under))
    parts += _back(brief, half, depth, top_y)
    if brief.chance(0.35 + brief.traits.arms):
        parts += _loop_arms(half, depth, top_y) if brief.chance(0.5) else _post_arms(brief, half, top_y)
    return parts


def five_star_base(brief: Brief, reach_m: float) -> list[Part]:
    """Five tapering arms about a hub, a double castor under each; one arm points to the front."""
    outline = chamfered_rectangle(0.016, 0.02, 0.005)
    rise = brief.within((0.02, 0.05))
    path = np.array([[0.0, 0.085 + rise, 0.03], [0.0, 0.085 + 0.6 * rise, 0.5 * reach_m], [0.0, 0.075, reach_m]])
    arm = sweep(path, outline, np.array([[1.0, 1.2], [0.9, 0.9], [0.7, 0.6]]), (0.0, 1.0, 0.0))
    wheel = lathe([-0.011, -0.008, 0.008, 0.011], [0.02, 0.027, 0.027, 0.02], 8, Surface.TRIM).turned(z_deg=90.0)
    stem = lathe([0.03, 0.08], [0.008, 0.008], 8, Surface.TRIM).moved(z=reach_m - 0.012)
    wheels = [wheel.moved(x=sign * 0.016, y=0.027, z=reach_m - 0.012) for sign in (-1.0, 1.0)]
    return [part.turned(y_deg=72.0 * k) for k in range(5) for part in (arm, stem, *wheels)]


def _column(under_y: float) -> list[Part]:
    heights = [0.07, 0.1, 0.14, 0.15, 0.5 * under_y + 0.09, 0.5 * under_y + 0.1, under_y]
    radii = [0.03, 0.035, 0.032, 0.025, 0.025, 0.014, 0.014]
    return [lathe(heights, radii, 14, Surface.TRIM), box((0.16, 0.03, 0.22), 0.008, Surface.TRIM).moved(y=under_y)]


def _back(brief: Brief, half: float, depth: float, top_y: float) -> list[Part]:
    high = brief.chance(0.45)
    height = brief.within((0.55, 0.68)) if high else brief.within((0.34, 0.45))
    surface = BackSurface(
        half_bottom=brief.within((0.8, 0.95)) * half,
        half_top=brief.within((0.75, 0.95)) * half,
        base_y=top_y + brief.within((0.06, 0.12)),
        base_z=-0.5 * depth + 0.01,
        height_m=height,
        rake_deg=brief.within((7.0, 13.0)),
        bow_m=brief.within((0.03, 0.06)),
        lumbar_m=brief.within((0.015, 0.03)),
    )
    spine = surface.points(0.0, np.array([0.12, 0.4])) - [0.0, 0.0, 0.035]
    arm = smooth([[0.0, top_y - 0.07, -0.15], [0.0, top_y - 0.07, -0.5 * depth - 0.02], *spine], 10)
    strut = sweep(arm, chamfered_rectangle(0.03, 0.009, 0.003), surface=Surface.TRIM)
    return [strut, *(_padded(brief, surface) if brief.soft else _framed(surface))]


def _padded(brief: Brief, surface: BackSurface) -> list[Part]:
    parts = [surface.cushion(brief, 0.0, 1.0, 0.066, brief.within((3.0, 5.0)))]
    if brief.chance(0.3):
        head = surface.points(0.0, 1.14)
        parts.append(cushion((0.26, 0.12, 0.06), 4.0, 2.6, 4, 2).moved(*head))
        parts.append(tube(surface.points(0.0, np.array([0.9, 1.12])) - [0.0, 0.0, 0.02], 0.01, 8, Surface.TRIM))
    return parts


def _framed(surface: BackSurface) -> list[Part]:
    """A taut sheet in a rounded frame, as mesh backs are."""
    angle = np.linspace(0.0, 2.0 * np.pi, 33)[:-1]
    s = np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** 0.45
    t = 0.5 + 0.5 * np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** 0.45
    frame = sweep(surface.points(s, t), 0.011 * circle(7), reference=(1.0, 0.0, 0.0), closed=True)
    return [surface.sheet(0.96, 0.02, 0.98, 0.008, 0.06), frame]


def _loop_arms(half: float, depth: float, top_y: float) -> list[Part]:
    x = half + 0.035
    corners = [(0.6 * half, top_y - 0.06, 0.12), (x, top_y - 0.06, 0.13), (x, top_y + 0.2, 0.16)]
    corners += [(x, top_y + 0.2, -0.3 * depth), (x, top_y - 0.06, -0.12), (0.6 * half, top_y - 0.06, -0.11)]
    return tube(filleted(corners, 0.05, 4), 0.012, 8).both_sides()


def _post_arms(brief: Brief, half: float, top_y: float) -> list[Part]:
    x, y = half + 0.04, top_y + brief.within((0.18, 0.23))
    path = filleted([(0.6 * half, top_y - 0.07, 0.0), (x, top_y - 0.07, 0.0), (x, y, 0.0)], 0.04, 4)
    post = sweep(path, chamfered_rectangle(0.022, 0.01, 0.003), reference=(0.0, 0.0, 1.0), surface=Surface.TRIM)
    rest = cushion((0.075, 0.03, 0.25), 3.5, 3.0, 4, surface=Surface.TRIM).moved(x=x, y=y + 0.01, z=0.02)
    return [*post.both_sides(), *rest.both_sides()]
