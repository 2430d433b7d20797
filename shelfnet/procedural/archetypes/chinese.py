"""Classic Chinese chairs: the official's hat chair with its yoke back, and the horseshoe chair."""

import numpy as np

from shelfnet.procedural.archetypes.backs import BackSurface, crest
from shelfnet.procedural.archetypes.design import Design
from shelfnet.procedural.archetypes.legs import rail
from shelfnet.procedural.archetypes.upholstery import pad
from shelfnet.procedural.curves import chamfered_rectangle, line, spline, superellipse
from shelfnet.procedural.parts import FurniturePart, MaterialSlot
from shelfnet.procedural.primitives import plate, sweep, tube


def yoke_back(design: Design) -> list[FurniturePart]:
    """A chair with a tall yoke back, an S-curved splat and, sometimes, arms on round posts."""
    half, half_z, seat_y = design.uniform((0.26, 0.29)), design.uniform((0.21, 0.24)), design.uniform((0.45, 0.49))
    radius = design.uniform((0.015, 0.018))
    back = BackSurface(half, 0.94 * half, seat_y, -half_z, design.uniform((0.52, 0.66)), 5.0, 0.0, 0.012)
    parts = _base(design, half, half_z, seat_y, radius)
    parts += tube(back.points(1.0, np.linspace(0.0, 1.0, 7)), radius * np.linspace(1.0, 0.8, 7), 12).mirrored_pair()
    parts += [_splat(design, back), crest(design, "yoke", back, 1.0, 0.046, 0.03)]
    return parts + (_goose_arms(half, half_z, seat_y, back, radius) if design.chance(0.65) else [])


def horseshoe(design: Design) -> list[FurniturePart]:
    """A chair with one continuous rail from arm over back to arm."""
    half, half_z, seat_y = design.uniform((0.27, 0.3)), design.uniform((0.22, 0.245)), design.uniform((0.45, 0.48))
    radius, rise, drop = design.uniform((0.015, 0.018)), design.uniform((0.4, 0.47)), design.uniform((0.16, 0.22))
    edge = np.radians(design.uniform((128.0, 140.0)))
    angle = np.linspace(-edge, edge, 33)
    height = seat_y + rise - drop * (0.5 - 0.5 * np.cos(np.pi * angle / edge)) ** 0.9
    hoop = np.stack([1.16 * half * np.sin(angle), height, -0.06 - 1.12 * half_z * np.cos(angle)], axis=1)
    parts = _base(design, half, half_z, seat_y, radius)
    parts.append(tube(hoop, radius * np.interp(np.abs(angle), [0.0, 0.85 * edge, edge], [1.1, 0.9, 1.25]), 12))
    back = BackSurface(
        half, half, seat_y, -half_z + 0.01, rise, np.degrees(np.arctan2(0.06 + 0.12 * half_z, rise)), 0.0, 0.01
    )
    parts.append(_splat(design, back))
    for share, foot in (
        (0.36, (0.93 * half, -half_z)),
        (0.66, (0.98 * half, -0.1 * half_z)),
        (0.88, (0.98 * half, half_z)),
    ):
        head = np.array([np.interp(share * edge, angle, hoop[:, k]) for k in range(3)])
        elbow = 0.5 * (head + np.array([foot[0], seat_y, foot[1]])) + np.array([0.008, 0.0, 0.0])
        path = spline([(foot[0], seat_y - 0.02, foot[1]), elbow, head], 6)
        parts += tube(path, 0.75 * radius, 10).mirrored_pair()
    return parts


def _base(design: Design, half: float, half_z: float, seat_y: float, radius: float) -> list[FurniturePart]:
    """Legs, framed seat, shaped aprons, and stretchers that step up from front to back."""
    splay = 0.012
    parts: list[FurniturePart] = []
    for sign in (1.0, -1.0):
        path = line((half, seat_y - 0.01, sign * half_z), (half + splay, 0.0, sign * (half_z + splay)), 3)
        parts += tube(path, radius, 12).mirrored_pair()
    frame = plate(superellipse(half + 0.022, half_z + 0.022, 14.0, 28), 0.034, 0.009, MaterialSlot.FRAME)
    parts.append(frame.translated(y=seat_y - 0.034))
    thickness = design.uniform((0.02, 0.035)) if design.upholstered else 0.008
    if design.upholstered:
        parts.append(
            pad(design, (1.8 * half, thickness, 1.75 * half_z), 1, 9.0, 3.5).translated(y=seat_y + 0.4 * thickness)
        )
    else:
        panel = plate(superellipse(0.87 * half, 0.85 * half_z, 14.0, 28), thickness, 0.002)
        parts.append(panel.translated(y=seat_y - 0.004))
    for height, z in ((0.07, half_z + 0.01), (0.17, -half_z - 0.008)):
        parts.append(rail((-half, height, z), (half, height, z), 0.02, 0.022))
    side = rail((half + 0.01, 0.12, -half_z), (half + 0.01, 0.12, half_z), 0.02, 0.022)
    return [*parts, *side.mirrored_pair(), *_shaped_apron(design, half, half_z, seat_y)]


def _shaped_apron(design: Design, half: float, half_z: float, seat_y: float) -> list[FurniturePart]:
    """A board under the seat's front edge, deepening towards the legs in a curve."""
    u = np.linspace(-1.0, 1.0, 15)
    depth = 0.028 + design.uniform((0.03, 0.07)) * np.abs(u) ** 5
    outline = chamfered_rectangle(0.5, 0.006, 0.002)
    path = np.stack([half * u, seat_y - 0.034 - 0.5 * depth, np.full_like(u, half_z)], axis=1)
    front = sweep(path, outline, np.stack([depth, np.ones_like(depth)], axis=1), (0.0, 1.0, 0.0))
    return [front, front.translated(z=-2.0 * half_z)]


def _splat(design: Design, back: BackSurface) -> FurniturePart:
    """The S-curved board in the middle of the back."""
    t = np.linspace(0.0, 0.99, 15)
    sway = design.uniform((0.012, 0.025)) * np.sin(2.0 * np.pi * t)
    path = back.points(0.0, t) + sway[:, None] * np.array([0.0, 0.0, 1.0])
    outline = chamfered_rectangle(design.uniform((0.065, 0.095)), 0.006, 0.002)
    return sweep(path, outline, slot=MaterialSlot.BODY)


def _goose_arms(half: float, half_z: float, seat_y: float, back: BackSurface, radius: float) -> list[FurniturePart]:
    start = back.points(1.0, 0.42)
    front = [half + 0.02, seat_y + 0.2, 0.86 * half_z]
    arm = tube(spline([start, [half + 0.03, start[1] - 0.012, 0.0], front], 9), 0.9 * radius, 10)
    post = spline([(half, seat_y - 0.02, half_z), (half + 0.004, seat_y + 0.1, 0.98 * half_z), front], 7)
    middle = spline(
        [(half, seat_y - 0.02, 0.0), (half + 0.035, seat_y + 0.11, 0.0), (half + 0.028, start[1] - 0.014, 0.0)], 7
    )
    parts = [arm, tube(post, 0.8 * radius, 10), tube(middle, radius * np.linspace(0.8, 0.5, 7), 8)]
    return [piece for part in parts for piece in part.mirrored_pair()]
