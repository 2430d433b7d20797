"""Stools, bar stools and benches."""

import numpy as np

from shelfnet.procedural.archetypes.backs import BackSurface, crest, filling
from shelfnet.procedural.archetypes.design import Design
from shelfnet.procedural.archetypes.legs import apron, four_legs, leg, stretchers
from shelfnet.procedural.archetypes.upholstery import pad, seat_board
from shelfnet.procedural.curves import fillet, superellipse
from shelfnet.procedural.parts import FurniturePart, MaterialSlot
from shelfnet.procedural.primitives import lathe, plate, tube


def stool(design: Design) -> list[FurniturePart]:
    """A round or square stool on three or four legs."""
    half, top_y = design.uniform((0.16, 0.22)), design.uniform((0.4, 0.47))
    seat, under = _top(design, half, half, top_y, design.uniform((2.0, 2.2)) if design.chance(0.55) else 7.0)
    kind, radius = _leg_kind(design), design.bar_radius_m
    splay = max(design.uniform(design.traits.splay_deg), 2.0)
    if design.chance(0.3) and kind != "cabriole":
        return [seat, *_three_legs(design, kind, 0.62 * half, under, radius, splay)]
    inner = 0.62 * half
    parts = [seat, *four_legs(design, kind, inner, inner, under, radius, splay)]
    reach = 0.65 * under * np.tan(np.radians(splay))
    height = design.uniform((0.25, 0.4)) * top_y
    return parts + stretchers(design, _stretcher(design), inner + 0.7 * reach, inner + reach, height, 0.6 * radius)


def drum_stool(design: Design) -> list[FurniturePart]:
    """A barrel-shaped pouf or garden stool."""
    radius, top_y, belly = design.uniform((0.17, 0.22)), design.uniform((0.4, 0.47)), design.uniform((1.05, 1.28))
    t = np.linspace(0.0, 1.0, 13)
    swell = 1.0 + (belly - 1.0) * np.sin(np.pi * t) ** 0.8
    body_top = top_y - (0.07 if design.upholstered else 0.03)
    body = lathe(0.02 + (body_top - 0.02) * t, radius * swell, 24, MaterialSlot.BODY)
    plinth = lathe([0.0, 0.008, 0.03], [1.01 * radius, 1.04 * radius, 1.04 * radius], 24)
    band = lathe([body_top - 0.012, body_top - 0.006, body_top + 0.006], [radius, 1.05 * radius, 1.04 * radius], 24)
    if design.upholstered:
        return [
            body,
            plinth,
            band,
            pad(design, (2.04 * radius, 0.12, 2.04 * radius), 1, 2.0, 2.6).translated(y=top_y - 0.06),
        ]
    lid = plate(superellipse(radius, radius, 2.0, 28), top_y - body_top, 0.01)
    return [body, plinth, band, lid.translated(y=body_top)]


def bench(design: Design) -> list[FurniturePart]:
    """A bench for two or three, without a back."""
    half, half_z, top_y = design.uniform((0.42, 0.62)), design.uniform((0.16, 0.21)), design.uniform((0.41, 0.47))
    seat, under = _top(design, half, half_z, top_y, design.uniform((8.0, 14.0)))
    kind, radius = _leg_kind(design), 1.15 * design.bar_radius_m
    parts = [
        seat,
        *four_legs(
            design, kind, 0.88 * half, 0.7 * half_z, under, radius, 0.6 * design.uniform(design.traits.splay_deg)
        ),
    ]
    if not design.metal_frame and design.chance(0.7):
        parts += apron(0.86 * half, 0.68 * half_z, under + 0.005, design.uniform((0.04, 0.07)))
    return parts + stretchers(design, _stretcher(design), 0.89 * half, 0.75 * half_z, 0.3 * top_y, 0.65 * radius)


def bar_stool(design: Design) -> list[FurniturePart]:
    """A high stool on four legs, with a footrest and, sometimes, a low back."""
    half, top_y = design.uniform((0.165, 0.205)), design.uniform((0.64, 0.78))
    round_seat = design.chance(0.5)
    seat, under = _top(design, half, half, top_y, 2.1 if round_seat else 6.0)
    kind, radius = _leg_kind(design), design.bar_radius_m
    splay, inner = design.uniform((4.0, 8.0)), 0.64 * half
    parts = [seat, *four_legs(design, kind, inner, inner, under, radius, splay)]
    height = design.uniform((0.28, 0.38)) * top_y
    spread = (under - height) * np.tan(np.radians(splay))
    if design.metal_frame:
        parts.append(
            _foot_ring(inner + 0.7 * spread, inner + spread, height, 0.7 * radius, 2.0 if round_seat else 10.0)
        )
    else:
        parts += stretchers(design, "box", inner + 0.7 * spread, inner + spread, height, 0.6 * radius)
    return parts + (_low_back(design, half, top_y) if design.wrought_iron or design.chance(0.55) else [])


def pedestal_bar_stool(design: Design) -> list[FurniturePart]:
    """A high stool on a column with a foot ring and a disc base."""
    half, top_y = design.uniform((0.17, 0.21)), design.uniform((0.66, 0.8))
    seat, under = _top(design, half, half, top_y, design.uniform((2.0, 4.0)))
    foot = design.uniform((0.19, 0.23))
    heights = [0.0, 0.008, 0.016, 0.03, 0.05, 0.45 * under, 0.46 * under, under - 0.015, under, under + 0.01]
    radii = [foot, foot, 0.93 * foot, 0.2 * foot, 0.028, 0.028, 0.018, 0.018, 0.09, 0.09]
    ring_y = design.uniform((0.3, 0.38)) * top_y
    hoop = [(0.0, ring_y + 0.02, 0.02), (0.12, ring_y, 0.06), (0.14, ring_y, 0.17), (-0.14, ring_y, 0.17)]
    hoop += [(-0.12, ring_y, 0.06), (0.0, ring_y + 0.02, 0.02)]
    parts = [seat, lathe(heights, radii, 22), tube(fillet(hoop, 0.06, 4), 0.009, 8)]
    return parts + (_low_back(design, half, top_y) if design.chance(0.6) else [])


def _top(design: Design, half_x: float, half_z: float, top_y: float, exponent: float) -> tuple[FurniturePart, float]:
    """Seat, and height of its underside."""
    if design.upholstered:
        thickness = 1.1 * design.uniform(design.traits.plumpness_m)
        top = pad(design, (2.0 * half_x, thickness, 2.0 * half_z), 1, exponent, design.uniform((2.6, 4.0)))
        return top.translated(y=top_y - 0.5 * thickness), top_y - 0.55 * thickness
    thickness = design.uniform((0.024, 0.042))
    if exponent < 5.0 or design.chance(0.5):
        board = plate(superellipse(half_x, half_z, exponent, 30), thickness, 0.25 * thickness)
    else:
        board = seat_board(design, half_x, half_x, 2.0 * half_z, thickness)
    return board.translated(y=top_y - thickness), top_y - 0.8 * thickness


def _leg_kind(design: Design) -> str:
    if design.metal_frame:
        return "tube"
    return design.choice([kind for kind in design.traits.legs if kind != "tube"] or ["square"])


def _stretcher(design: Design) -> str:
    return design.choice(design.traits.stretchers)


def _three_legs(
    design: Design, kind: str, inner: float, under: float, radius: float, splay_deg: float
) -> list[FurniturePart]:
    reach = inner + under * np.tan(np.radians(splay_deg))
    back = leg(design, kind, (0.0, under, -inner), (0.0, 0.0, -reach), radius)
    x, z = np.sin(np.radians(60.0)), np.cos(np.radians(60.0))
    front = leg(design, kind, (x * inner, under, z * inner), (x * reach, 0.0, z * reach), radius)
    return [back, *front.mirrored_pair()]


def _foot_ring(half_x: float, half_z: float, y: float, radius: float, exponent: float) -> FurniturePart:
    scale = 1.3 if exponent < 4.0 else 1.02
    outline = superellipse(scale * half_x, scale * half_z, exponent, 32)
    return tube(np.insert(outline, 1, y, axis=1), radius, 8, closed=True)


def _low_back(design: Design, half: float, top_y: float) -> list[FurniturePart]:
    """A short back on two posts that rise from the seat."""
    width, height = 0.9 * half, design.uniform((0.2, 0.34))
    back = BackSurface(width, 1.02 * width, top_y - 0.02, -0.62 * half, height, design.uniform((5.0, 12.0)), 0.05, 0.0)
    post = tube(back.points(0.85, np.linspace(0.0, 0.95, 5)), 0.009, 8)
    low, kinds = (
        design.uniform((0.35, 0.6)),
        [kind for kind in design.traits.backs if kind not in {"pad", "rail", "panel"}],
    )
    if design.upholstered or not (kinds or design.wrought_iron):
        fill = filling(design, "pad" if design.upholstered else "panel", back, low, 1.05)
    else:
        kind = "scrolls" if design.wrought_iron else design.choice(kinds)
        fill = [*filling(design, kind, back, 0.1, 0.97), crest(design, "arched", back, 1.0, 0.045, 0.018)]
    return [*post.mirrored_pair(), *fill]
