"""Fully upholstered pieces: club armchair, loveseat, wing chair, tub chair, vanity chair."""

from dataclasses import dataclass

import numpy as np

from shelfnet.procedural.archetypes.design import Design
from shelfnet.procedural.archetypes.legs import four_legs
from shelfnet.procedural.archetypes.upholstery import pad, seat_board
from shelfnet.procedural.curves import spline
from shelfnet.procedural.parts import FurniturePart, MaterialSlot
from shelfnet.procedural.primitives import cushion, lathe, sweep, tube
from shelfnet.procedural.solidify import solidify

FLUTE_DEPTH = 0.025
"""Depth of the flutes of an upholstered wall, as a fraction of its radius."""


@dataclass(frozen=True)
class Wall:
    """An upholstered wall around a seat, highest in the middle of the back and lower at the arms; lengths in metres.

    Attributes:
        half_x, half_z: Radii.
        opening_deg: Half the opening angle in front.
        bottom_y, arm_y, back_y: Heights of the lower edge, the arms and the back.
        thickness_m: Thickness of the padding.
        flare_m: Outward lean of the top.
        fluted: Whether it has vertical channels.
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

    def build(self) -> FurniturePart:
        """Build the wall as one part."""
        edge = np.radians(180.0 - self.opening_deg)
        angle, t = np.meshgrid(np.linspace(-edge, edge, 25), np.linspace(0.0, 1.0, 7), indexing="ij")
        rise = np.clip(np.cos(0.5 * np.pi * angle / edge), 0.0, 1.0) ** 1.3
        height = self.arm_y + (self.back_y - self.arm_y) * rise - self.bottom_y
        outward = 1.0 + self.flare_m / self.half_x * t * (0.4 + 0.6 * rise)
        if self.fluted:
            outward *= 1.0 + FLUTE_DEPTH * (-1.0) ** np.arange(len(angle))[:, None]
        x, z = self.half_x * np.sin(angle) * outward, -self.half_z * np.cos(angle) * outward
        return solidify(np.stack([x, self.bottom_y + height * t, z], axis=-1), self.thickness_m)


def club_armchair(design: Design) -> list[FurniturePart]:
    """A boxy armchair with arms, seat and back cushions on short legs."""
    return _club(design, design.uniform((0.27, 0.32)), 1)


def loveseat(design: Design) -> list[FurniturePart]:
    """A club armchair for two."""
    return _club(design, design.uniform((0.5, 0.6)), 2)


def wing_chair(design: Design) -> list[FurniturePart]:
    """An armchair with a high back and wings that run down into the arms."""
    half, depth, legs_y = design.uniform((0.25, 0.29)), design.uniform((0.52, 0.6)), design.uniform((0.14, 0.2))
    seat_y, height = design.uniform((0.42, 0.47)), design.uniform((0.66, 0.78))
    body = cushion((2.0 * half + 0.08, seat_y - legs_y - 0.06, depth + 0.06), 9.0, 9.0, 4)
    seat = pad(design, (2.0 * half, 0.14, depth), 1, 6.0, 3.0)
    back = pad(design, (2.0 * half + 0.04, height, 0.13), 2, design.uniform((4.0, 8.0)), 3.0)
    rake, back_z = design.uniform((7.0, 12.0)), -0.5 * depth
    parts = [body.translated(y=0.5 * (seat_y + legs_y - 0.06)), seat.translated(y=seat_y - 0.06, z=0.02)]
    parts.append(back.translated(y=0.5 * height).rotated(x_deg=-rake).translated(y=seat_y - 0.08, z=back_z))
    lean = np.tan(np.radians(rake))
    parts += _wing(design, half, depth, seat_y, height, lean).mirrored_pair()
    parts += _rolled_arm(design, half, depth, seat_y).mirrored_pair()
    return parts + _short_legs(design, half, 0.5 * depth, legs_y)


def tub_chair(design: Design) -> list[FurniturePart]:
    """An armchair with one curved wall for arms and back, and a round cushion."""
    half, depth = design.uniform((0.28, 0.34)), design.uniform((0.27, 0.32))
    legs_y, seat_y = design.uniform((0.1, 0.2)), design.uniform((0.4, 0.45))
    arm_y, back_y = seat_y + design.uniform((0.14, 0.22)), seat_y + design.uniform((0.32, 0.45))
    opening = design.uniform((35.0, 55.0))
    thickness, flare = design.uniform((0.06, 0.1)), design.uniform((0.02, 0.1))
    wall = Wall(half, depth, opening, legs_y, arm_y, back_y, thickness, flare, design.quilted)
    parts = [wall.build()]
    base = cushion((1.9 * half, seat_y - legs_y - 0.08, 1.9 * depth), 2.6, 9.0, 7)
    seat = pad(design, (1.85 * half, 0.13, 1.9 * depth), 1, 2.6, 2.8)
    parts += [base.translated(y=0.5 * (seat_y + legs_y - 0.08)), seat.translated(y=seat_y - 0.06, z=0.02)]
    if design.chance(0.25):
        plinth = lathe([0.0, 0.01, 0.025, 0.04, legs_y + 0.02], [0.2, 0.24, 0.23, 0.05, 0.05])
        return [*parts, plinth]
    return parts + _short_legs(design, 0.72 * half, 0.62 * depth, legs_y + 0.02)


def vanity_chair(design: Design) -> list[FurniturePart]:
    """A dressing-table chair with a round seat and a low hooped back."""
    radius, seat_y = design.uniform((0.2, 0.24)), design.uniform((0.43, 0.47))
    plump = design.uniform((0.09, 0.13))
    rise, opening = design.uniform((0.2, 0.32)), design.uniform((65.0, 95.0))
    exponent = design.uniform((2.0, 2.6))
    seat = pad(design, (2.0 * radius, plump, 2.0 * radius), 1, exponent, 2.6).translated(y=seat_y - 0.5 * plump)
    low = seat_y + design.uniform((-0.04, 0.06))
    outer = radius + 0.02
    wall = Wall(outer, outer, opening, low, seat_y + 0.55 * rise, seat_y + rise, 0.035, 0.03, design.quilted)
    base = seat_board(design, 0.9 * radius, 0.9 * radius, 1.8 * radius, 0.025, MaterialSlot.FRAME)
    parts = [seat, wall.build(), base.translated(y=seat_y - plump - 0.01)]
    if low > seat_y - 0.02:
        parts += [_prop(radius, angle, seat_y - plump, low + 0.05) for angle in (-35.0, 0.0, 35.0)]
    kind = "tube" if design.metal_frame else design.choice([kind for kind in design.traits.legs if kind != "block"])
    return parts + four_legs(design, kind, 0.58 * radius, 0.58 * radius, seat_y - plump, design.bar_radius_m, 7.0)


def _club(design: Design, half: float, places: int) -> list[FurniturePart]:
    depth, legs_y = design.uniform((0.54, 0.64)), design.uniform((0.05, 0.16))
    seat_y, arm_y = design.uniform((0.39, 0.45)), design.uniform((0.56, 0.66))
    back_y, arm = arm_y + design.uniform((0.06, 0.28)), design.uniform((0.09, 0.17))
    boxiness = design.uniform((4.5, 12.0))
    frame = cushion((2.0 * half + 0.02, seat_y - legs_y - 0.1, depth + 0.1), 10.0, 10.0, 4)
    side = cushion((arm, arm_y - legs_y, depth + 0.14), boxiness, boxiness, 5)
    rear = cushion((2.0 * (half + arm), back_y - legs_y, 0.15), boxiness, boxiness, 5, 2)
    rear_z = -0.5 * depth - 0.05
    parts = [frame.translated(y=0.5 * (seat_y + legs_y - 0.1))]
    parts += side.translated(x=half + 0.5 * arm, y=0.5 * (arm_y + legs_y), z=0.01).mirrored_pair()
    parts.append(rear.translated(y=0.5 * (back_y + legs_y), z=rear_z))
    width = 2.0 * half / places
    for k in range(places):
        x = width * (k + 0.5) - half
        size = (0.995 * width, 0.16, depth)
        seat = pad(design, size, 1, 7.0, 3.6) if places == 1 else cushion(size, 7.0, 3.6, 6)
        back = pad(design, (0.96 * width, back_y - seat_y + 0.04, 0.18), 2, 5.0, 2.8)
        parts += [seat.translated(x=x, y=seat_y - 0.06, z=0.06)]
        parts.append(back.rotated(x_deg=-10.0).translated(x=x, y=0.5 * (back_y + seat_y) + 0.05, z=rear_z + 0.13))
    return parts + _short_legs(design, half + 0.5 * arm - 0.01, 0.5 * depth, legs_y + 0.01)


def _short_legs(design: Design, half_x: float, half_z: float, top_y: float) -> list[FurniturePart]:
    kind = "tube" if design.metal_frame else design.choice([kind for kind in design.traits.legs if kind != "tube"])
    radius = 1.3 * design.bar_radius_m
    return four_legs(design, kind, half_x - radius, half_z - radius, top_y + 0.01, radius, design.uniform((0.0, 8.0)))


def _wing(design: Design, half: float, depth: float, seat_y: float, height: float, lean: float) -> FurniturePart:
    """One wing: a padded board beside the back with an S-shaped front edge."""
    reach = design.uniform((0.15, 0.22))
    t, s = np.meshgrid(np.linspace(0.18, 0.97, 10), np.linspace(0.0, 1.0, 6), indexing="ij")
    profile = np.interp(t[:, :1], [0.18, 0.35, 0.75, 0.97], [1.5, 0.9, 1.0, 0.45])
    x = half + 0.015 + 0.035 * s
    z = -0.5 * depth - lean * height * t + s * reach * profile
    return solidify(np.stack([x, seat_y - 0.08 + height * t, z], axis=-1), 0.05)


def _rolled_arm(design: Design, half: float, depth: float, seat_y: float) -> FurniturePart:
    rise, thickness = design.uniform((0.14, 0.2)), design.uniform((0.08, 0.11))
    bottom = seat_y - 0.2
    t = np.linspace(0.0, 2.0 * np.pi, 19)[:-1]
    outline = np.stack([np.cos(t), np.sin(t)], axis=1)
    taper = 0.62 + 0.38 * np.clip(outline[:, :1] * 1.6, 0.0, 1.0)
    outline = outline * np.concatenate(
        [np.full_like(taper, 0.5 * (seat_y + rise - bottom)), 0.5 * thickness * taper], 1
    )
    path = np.array([[0.0, 0.0, -0.52 * depth], [0.0, 0.0, 0.0], [0.0, 0.0, 0.44 * depth], [0.0, 0.0, 0.46 * depth]])
    scales = np.array([[1.0, 1.0], [1.0, 1.0], [1.0, 1.0], [0.94, 0.8]])
    arm = sweep(path, outline, scales, (0.0, 1.0, 0.0), MaterialSlot.BODY)
    return arm.translated(x=half + 0.5 * thickness, y=0.5 * (seat_y + rise + bottom))


def _prop(radius: float, angle_deg: float, low_y: float, high_y: float) -> FurniturePart:
    direction = np.array([np.sin(np.radians(angle_deg)), 0.0, -np.cos(np.radians(angle_deg))])
    up = np.array([0.0, 1.0, 0.0])
    foot, head = 0.85 * radius * direction, (radius + 0.02) * direction
    return tube(spline([foot + low_y * up, head + 0.5 * (low_y + high_y) * up, head + high_y * up], 6), 0.008, 8)
