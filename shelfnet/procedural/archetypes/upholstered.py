"""Pieces that are upholstery all over: club armchair, wing chair, tub chair, vanity chair."""

from dataclasses import dataclass

import numpy as np

from shelfnet.procedural.archetypes.brief import Brief
from shelfnet.procedural.archetypes.legs import four_legs
from shelfnet.procedural.archetypes.upholstery import pad, seat_board
from shelfnet.procedural.curves import smooth
from shelfnet.procedural.parts import Part, Surface
from shelfnet.procedural.primitives import cushion, lathe, sweep, tube
from shelfnet.procedural.sheets import sheet

FLUTE_DEPTH = 0.025
"""How far flutes of an upholstered wall stand out, as a share of its radius."""


@dataclass(frozen=True)
class Wall:
    """An upholstered wall around a seat, highest in the middle of the back, sinking to the arms; lengths in metres.

    Attributes:
        half_x, half_z: radii.
        opening_deg: half the angle that stays open in front.
        bottom_y, arm_y, back_y: heights.
        thickness_m: of the padding.
        flare_m: how far the top leans outward.
        fluted: whether it is quilted in upright channels.
    """

    half_x: float
    half_z: float
    opening_deg: float
    bottom_y: float
    arm_y: float
    back_y: float
    thickness_m: float
    flare_m: float
    fluted: bool

    def build(self) -> Part:
        """The wall as one sheet."""
        edge = np.radians(180.0 - self.opening_deg)
        angle, t = np.meshgrid(np.linspace(-edge, edge, 25), np.linspace(0.0, 1.0, 7), indexing="ij")
        rise = np.clip(np.cos(0.5 * np.pi * angle / edge), 0.0, 1.0) ** 1.3
        height = self.arm_y + (self.back_y - self.arm_y) * rise - self.bottom_y
        outward = 1.0 + self.flare_m / self.half_x * t * (0.4 + 0.6 * rise)
        if self.fluted:
            outward *= 1.0 + FLUTE_DEPTH * (-1.0) ** np.arange(len(angle))[:, None]
        x, z = self.half_x * np.sin(angle) * outward, -self.half_z * np.cos(angle) * outward
        return sheet(np.stack([x, self.bottom_y + height * t, z], axis=-1), self.thickness_m)


def club_armchair(brief: Brief) -> list[Part]:
    """A cube of arms, seat and back cushions on short legs."""
    return _club(brief, brief.within((0.27, 0.32)), 1)


def loveseat(brief: Brief) -> list[Part]:
    """The club armchair for two."""
    return _club(brief, brief.within((0.5, 0.6)), 2)


def wing_chair(brief: Brief) -> list[Part]:
    """A high back with wings that run down into the arms."""
    half, depth, legs_y = brief.within((0.25, 0.29)), brief.within((0.52, 0.6)), brief.within((0.14, 0.2))
    seat_y, height = brief.within((0.42, 0.47)), brief.within((0.66, 0.78))
    body = cushion((2.0 * half + 0.08, seat_y - legs_y - 0.06, depth + 0.06), 9.0, 9.0, 4)
    seat = pad(brief, (2.0 * half, 0.14, depth), 1, 6.0, 3.0)
    back = pad(brief, (2.0 * half + 0.04, height, 0.13), 2, brief.within((4.0, 8.0)), 3.0)
    rake, back_z = brief.within((7.0, 12.0)), -0.5 * depth
    parts = [body.moved(y=0.5 * (seat_y + legs_y - 0.06)), seat.moved(y=seat_y - 0.06, z=0.02)]
    parts.append(back.moved(y=0.5 * height).turned(x_deg=-rake).moved(y=seat_y - 0.08, z=back_z))
    lean = np.tan(np.radians(rake))
    parts += _wing(brief, half, depth, seat_y, height, lean).both_sides()
    parts += _rolled_arm(brief, half, depth, seat_y).both_sides()
    return parts + _short_legs(brief, half, 0.5 * depth, legs_y)


def tub_chair(brief: Brief) -> list[Part]:
    """A wall that curves from one arm around the back to the other, and a round cushion."""
    half, depth = brief.within((0.28, 0.34)), brief.within((0.27, 0.32))
    legs_y, seat_y = brief.within((0.1, 0.2)), brief.within((0.4, 0.45))
    arm_y, back_y = seat_y + brief.within((0.14, 0.22)), seat_y + brief.within((0.32, 0.45))
    opening = brief.within((35.0, 55.0))
    thickness, flare = brief.within((0.06, 0.1)), brief.within((0.02, 0.1))
    wall = Wall(half, depth, opening, legs_y, arm_y, back_y, thickness, flare, brief.quilted)
    parts = [wall.build()]
    base = cushion((1.9 * half, seat_y - legs_y - 0.08, 1.9 * depth), 2.6, 9.0, 7)
    seat = pad(brief, (1.85 * half, 0.13, 1.9 * depth), 1, 2.6, 2.8)
    parts += [base.moved(y=0.5 * (seat_y + legs_y - 0.08)), seat.moved(y=seat_y - 0.06, z=0.02)]
    if brief.chance(0.25):
        plinth = lathe([0.0, 0.01, 0.025, 0.04, legs_y + 0.02], [0.2, 0.24, 0.23, 0.05, 0.05])
        return [*parts, plinth]
    return parts + _short_legs(brief, 0.72 * half, 0.62 * depth, legs_y + 0.02)


def vanity_chair(brief: Brief) -> list[Part]:
    """A round seat with a low hooped back, for the dressing table."""
    radius, seat_y = brief.within((0.2, 0.24)), brief.within((0.43, 0.47))
    plump = brief.within((0.09, 0.13))
    rise, opening = brief.within((0.2, 0.32)), brief.within((65.0, 95.0))
    exponent = brief.within((2.0, 2.6))
    seat = pad(brief, (2.0 * radius, plump, 2.0 * radius), 1, exponent, 2.6).moved(y=seat_y - 0.5 * plump)
    low = seat_y + brief.within((-0.04, 0.06))
    outer = radius + 0.02
    wall = Wall(outer, outer, opening, low, seat_y + 0.55 * rise, seat_y + rise, 0.035, 0.03, brief.quilted)
    base = seat_board(brief, 0.9 * radius, 0.9 * radius, 1.8 * radius, 0.025, Surface.FRAME)
    parts = [seat, wall.build(), base.moved(y=seat_y - plump - 0.01)]
    if low > seat_y - 0.02:
        parts += [_prop(radius, angle, seat_y - plump, low + 0.05) for angle in (-35.0, 0.0, 35.0)]
    kind = "tube" if brief.metal_frame else brief.pick([kind for kind in brief.traits.legs if kind != "block"])
    return parts + four_legs(brief, kind, 0.58 * radius, 0.58 * radius, seat_y - plump, brief.bar_radius_m, 7.0)


def _club(brief: Brief, half: float, places: int) -> list[Part]:
    depth, legs_y = brief.within((0.54, 0.64)), brief.within((0.05, 0.16))
    seat_y, arm_y = brief.within((0.39, 0.45)), brief.within((0.56, 0.66))
    back_y, arm = arm_y + brief.within((0.06, 0.28)), brief.within((0.09, 0.17))
    boxiness = brief.within((4.5, 12.0))
    frame = cushion((2.0 * half + 0.02, seat_y - legs_y - 0.1, depth + 0.1), 10.0, 10.0, 4)
    side = cushion((arm, arm_y - legs_y, depth + 0.14), boxiness, boxiness, 5)
    rear = cushion((2.0 * (half + arm), back_y - legs_y, 0.15), boxiness, boxiness, 5, 2)
    rear_z = -0.5 * depth - 0.05
    parts = [frame.moved(y=0.5 * (seat_y + legs_y - 0.1))]
    parts += side.moved(x=half + 0.5 * arm, y=0.5 * (arm_y + legs_y), z=0.01).both_sides()
    parts.append(rear.moved(y=0.5 * (back_y + legs_y), z=rear_z))
    width = 2.0 * half / places
    for k in range(places):
        x = width * (k + 0.5) - half
        size = (0.995 * width, 0.16, depth)
        seat = pad(brief, size, 1, 7.0, 3.6) if places == 1 else cushion(size, 7.0, 3.6, 6)
        back = pad(brief, (0.96 * width, back_y - seat_y + 0.04, 0.18), 2, 5.0, 2.8)
        parts += [seat.moved(x=x, y=seat_y - 0.06, z=0.06)]
        parts.append(back.turned(x_deg=-10.0).moved(x=x, y=0.5 * (back_y + seat_y) + 0.05, z=rear_z + 0.13))
    return parts + _short_legs(brief, half + 0.5 * arm - 0.01, 0.5 * depth, legs_y + 0.01)


def _short_legs(brief: Brief, half_x: float, half_z: float, top_y: float) -> list[Part]:
    kind = "tube" if brief.metal_frame else brief.pick([kind for kind in brief.traits.legs if kind != "tube"])
    radius = 1.3 * brief.bar_radius_m
    return four_legs(brief, kind, half_x - radius, half_z - radius, top_y + 0.01, radius, brief.within((0.0, 8.0)))


def _wing(brief: Brief, half: float, depth: float, seat_y: float, height: float, lean: float) -> Part:
    """One wing: a padded board beside the back, whose front edge swings in an S."""
    reach = brief.within((0.15, 0.22))
    t, s = np.meshgrid(np.linspace(0.18, 0.97, 10), np.linspace(0.0, 1.0, 6), indexing="ij")
    profile = np.interp(t[:, :1], [0.18, 0.35, 0.75, 0.97], [1.5, 0.9, 1.0, 0.45])
    x = half + 0.015 + 0.035 * s
    z = -0.5 * depth - lean * height * t + s * reach * profile
    return sheet(np.stack([x, seat_y - 0.08 + height * t, z], axis=-1), 0.05)


def _rolled_arm(brief: Brief, half: float, depth: float, seat_y: float) -> Part:
    rise, thickness = brief.within((0.14, 0.2)), brief.within((0.08, 0.11))
    bottom = seat_y - 0.2
    t = np.linspace(0.0, 2.0 * np.pi, 19)[:-1]
    outline = np.stack([np.cos(t), np.sin(t)], axis=1)
    taper = 0.62 + 0.38 * np.clip(outline[:, :1] * 1.6, 0.0, 1.0)
    outline = outline * np.concatenate(
        [np.full_like(taper, 0.5 * (seat_y + rise - bottom)), 0.5 * thickness * taper], 1
    )
    path = np.array([[0.0, 0.0, -0.52 * depth], [0.0, 0.0, 0.0], [0.0, 0.0, 0.44 * depth], [0.0, 0.0, 0.46 * depth]])
    scales = np.array([[1.0, 1.0], [1.0, 1.0], [1.0, 1.0], [0.94, 0.8]])
    arm = sweep(path, outline, scales, (0.0, 1.0, 0.0), Surface.BODY)
    return arm.moved(x=half + 0.5 * thickness, y=0.5 * (seat_y + rise + bottom))


def _prop(radius: float, angle_deg: float, low_y: float, high_y: float) -> Part:
    direction = np.array([np.sin(np.radians(angle_deg)), 0.0, -np.cos(np.radians(angle_deg))])
    up = np.array([0.0, 1.0, 0.0])
    foot, head = 0.85 * radius * direction, (radius + 0.02) * direction
    return tube(smooth([foot + low_y * up, head + 0.5 * (low_y + high_y) * up, head + high_y * up], 6), 0.008, 8)
