"""Backs: their surface, their filling and their crest rail."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from shelfnet.procedural.archetypes.design import Design
from shelfnet.procedural.archetypes.upholstery import pad
from shelfnet.procedural.curves import chamfered_rectangle
from shelfnet.procedural.parts import FurniturePart, MaterialSlot
from shelfnet.procedural.primitives import sweep, tube
from shelfnet.procedural.solidify import solidify


@dataclass(frozen=True)
class BackSurface:
    """Parametric surface of a back: s in [-1, 1] from left to right, t in [0, 1] from the seat up; lengths in metres.

    Attributes:
        half_bottom, half_top: Half widths at the bottom and at the top.
        base_y, base_z: Position of the lower edge.
        height_m: Vertical extent.
        rake_deg: Backward lean.
        bow_m: Depth of the middle behind the sides.
        lumbar_m: Forward swell at half height.
    """

    half_bottom: float
    half_top: float
    base_y: float
    base_z: float
    height_m: float
    rake_deg: float
    bow_m: float
    lumbar_m: float

    def points(
        self, s: Float[np.ndarray, "*n"] | float, t: Float[np.ndarray, "*n"] | float
    ) -> Float[np.ndarray, "*n 3"]:
        """Points in space."""
        s, t = np.broadcast_arrays(np.asarray(s, float), np.asarray(t, float))
        x = s * (self.half_bottom + (self.half_top - self.half_bottom) * t)
        y = self.base_y + self.height_m * t
        lean = np.tan(np.radians(self.rake_deg)) * self.height_m * t
        z = self.base_z - lean - self.bow_m * (1.0 - s**2) + self.lumbar_m * np.sin(np.pi * np.clip(t, 0.0, 1.0))
        return np.stack([x, y, z], axis=-1)

    def board(
        self, s_half: float, t_low: float, t_high: float, thickness_m: float, corner: float = 0.0
    ) -> FurniturePart:
        """A board in the surface; ``corner`` in [0, 1] rounds its upper corners."""
        s, t = np.meshgrid(np.linspace(-s_half, s_half, 9), np.linspace(t_low, t_high, 9), indexing="ij")
        drop = corner * (t_high - t_low) * (np.abs(s) / s_half) ** 3.5
        share = (t - t_low) / (t_high - t_low)
        return solidify(np.swapaxes(self.points(s, t - drop * share), 0, 1), thickness_m)

    def cushion(
        self,
        design: Design,
        t_low: float,
        t_high: float,
        thickness_m: float,
        plan_exponent: float,
        profile_exponent: float = 3.0,
    ) -> FurniturePart:
        """A pad bent to the surface and centred on it."""
        half = 0.5 * (self.half_bottom + self.half_top)
        size = (2.0 * half, (t_high - t_low) * self.height_m, thickness_m)
        middle = 0.5 * (t_low + t_high)
        flat = pad(design, size, 2, plan_exponent, profile_exponent)
        return flat.deformed(
            lambda v: self.points(v[:, 0] / half, middle + v[:, 1] / self.height_m) + v * np.array([0.0, 0.0, 1.0])
        )


Filling = Callable[[Design, BackSurface, float, float], list[FurniturePart]]


def filling(design: Design, kind: str, back: BackSurface, t_low: float, t_high: float) -> list[FurniturePart]:
    """Filling of an open back between two heights; kinds are those of ``StyleTraits.backs``."""
    return FILLINGS[kind](design, back, t_low, t_high)


def crest(design: Design, kind: str, back: BackSurface, t: float, height_m: float, thickness_m: float) -> FurniturePart:
    """The top rail: ``straight``, ``arched``, ``scalloped`` or the overhanging ``yoke``."""
    overhang = design.uniform((1.12, 1.22)) if kind == "yoke" else 1.04
    s = np.linspace(-overhang, overhang, 19)
    path = back.points(s, t)
    path[:, 1] += CREST_RISE[kind](s) * design.uniform((0.8, 1.3))
    if kind == "yoke":
        path[:, 2] -= 0.03 * np.cos(0.5 * np.pi * s / overhang)
        return tube(path, 0.45 * height_m * (1.0 - 0.3 * np.abs(s / overhang) ** 4), 10)
    swell = {"straight": 0.0, "arched": 0.15, "scalloped": 0.45}[kind]
    tall = 1.0 + swell * np.cos(0.5 * np.pi * np.clip(s, -1.0, 1.0))
    outline = chamfered_rectangle(0.5 * height_m, 0.5 * thickness_m, 0.25 * thickness_m)
    return sweep(path, outline, np.stack([tall, np.ones_like(tall)], axis=1), reference=(0.0, 1.0, 0.0))


CREST_RISE: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "straight": lambda s: 0.0 * s,
    "arched": lambda s: 0.03 * (1.0 - np.clip(s, -1, 1) ** 2),
    "scalloped": lambda s: 0.035 * (1.0 - np.clip(s, -1, 1) ** 2) + 0.012 * np.cos(3.0 * np.pi * s),
    "yoke": lambda s: 0.03 * np.exp(-((s / 0.35) ** 2)) + 0.012 * np.abs(s) ** 6,
}


def _slats(design: Design, back: BackSurface, t_low: float, t_high: float) -> list[FurniturePart]:
    count = int(design.rng.integers(2, 5))
    gap = design.uniform((0.45, 0.75))
    centres = t_low + (t_high - t_low) * (np.arange(count) + 0.5) / count
    height = (1.0 - gap) * (t_high - t_low) / count * back.height_m
    arch = design.uniform((0.0, 0.02))
    return [slat(back, float(t), height, arch, 0.0) for t in centres]


def _spindles(design: Design, back: BackSurface, t_low: float, t_high: float) -> list[FurniturePart]:
    count = int(design.rng.integers(5, 9))
    radius = design.uniform((0.006, 0.009))
    t = np.linspace(t_low, t_high, 5)
    swell = radius * np.array([0.8, 1.15, 1.2, 1.0, 0.75])
    return [tube(back.points(s, t), swell, 7) for s in np.linspace(-0.8, 0.8, count)]


def _splat(design: Design, back: BackSurface, t_low: float, t_high: float) -> list[FurniturePart]:
    t = np.linspace(t_low, t_high, 17)
    share = (t - t_low) / (t_high - t_low)
    waist = design.uniform((0.35, 0.6))
    vase = 1.0 - waist * np.exp(-(((share - 0.3) / 0.12) ** 2)) - 0.25 * np.exp(-(((share - 0.85) / 0.08) ** 2))
    if design.traits.crests == ("yoke",):
        vase = np.ones_like(share)
    outline = chamfered_rectangle(design.uniform((0.26, 0.4)) * back.half_bottom, 0.006, 0.002)
    scales = np.stack([vase, np.ones_like(vase)], axis=1)
    return [sweep(back.points(0.0, t), outline, scales, slot=MaterialSlot.BODY)]


def _panel(design: Design, back: BackSurface, t_low: float, t_high: float) -> list[FurniturePart]:
    low = t_low + design.uniform((0.0, 0.4)) * (t_high - t_low)
    return [back.board(1.0, low, t_high, 0.012, design.uniform((0.0, 0.25)))]


def _weave(design: Design, back: BackSurface, t_low: float, t_high: float) -> list[FurniturePart]:
    edge = [rail_at(back, t, 0.008) for t in (t_low, t_high)]
    return [back.board(0.98, t_low, t_high, 0.006), *edge]


def _pad(design: Design, back: BackSurface, t_low: float, t_high: float) -> list[FurniturePart]:
    low = t_low + design.uniform((0.0, 0.25)) * (t_high - t_low)
    thickness = 0.7 * design.uniform(design.traits.plumpness_m)
    return [back.cushion(design, low, t_high, thickness, design.uniform((3.0, 7.0)))]


def _cross(design: Design, back: BackSurface, t_low: float, t_high: float) -> list[FurniturePart]:
    u = np.linspace(-1.0, 1.0, 11)
    sag = design.uniform((0.0, 0.25)) * (1.0 - u**2)
    t = t_low + (t_high - t_low) * 0.5 * (1.0 + u - sag)
    outline = chamfered_rectangle(0.012, 0.006, 0.002)
    return sweep(back.points(u, t), outline, reference=(0.0, 1.0, 0.0), slot=MaterialSlot.BODY).mirrored_pair()


def _lattice(design: Design, back: BackSurface, t_low: float, t_high: float) -> list[FurniturePart]:
    """A fret of concentric frames, joined to the posts by short bars."""
    middle, half = 0.5 * (t_low + t_high), 0.5 * (t_high - t_low)
    parts = [rail_at(back, t, 0.008) for t in (t_low, t_high)]
    for scale in (0.72, design.uniform((0.35, 0.45))):
        parts += [rail_at(back, middle + sign * scale * half, 0.006, scale) for sign in (-1.0, 1.0)]
        post = np.linspace(middle - scale * half, middle + scale * half, 3)
        parts += tube(back.points(scale, post), 0.006, 6).mirrored_pair()
    stub = tube(back.points(np.array([0.72, 1.0]), middle), 0.006, 6)
    upright = [tube(back.points(0.0, middle + sign * half * np.array([0.72, 1.0])), 0.006, 6) for sign in (-1, 1)]
    return [*parts, *stub.mirrored_pair(), *upright]


def _scrolls(design: Design, back: BackSurface, t_low: float, t_high: float) -> list[FurniturePart]:
    """Mirrored C-scrolls of wrought iron about a central bar."""
    turn = np.linspace(0.0, 1.0, 30)
    angle = 2.0 * np.pi * (1.6 * turn + 0.1)
    middle, half = 0.5 * (t_low + t_high), 0.5 * (t_high - t_low)
    parts = []
    for sign in (-1.0, 1.0):
        radius = (0.25 + 0.75 * turn) * 0.46
        s = 0.5 + radius * np.cos(angle)
        t = middle + sign * half * (0.5 + 1.05 * radius * np.sin(angle))
        parts += tube(back.points(s, np.clip(t, t_low, t_high)), 0.006, 6).mirrored_pair()
    centre = np.linspace(t_low, t_high, 4)
    return [*parts, tube(back.points(0.0, centre), 0.007, 6), rail_at(back, t_low, 0.008)]


def _rail(design: Design, back: BackSurface, t_low: float, t_high: float) -> list[FurniturePart]:
    """One broad board near the top."""
    low = t_high - design.uniform((0.3, 0.45)) * (t_high - t_low)
    return [back.board(1.0, low, t_high, 0.012)]


def slat(back: BackSurface, t: float, height_m: float, arch_m: float, swell: float) -> FurniturePart:
    """A bowed slat across the back, arched upwards and taller in the middle by the fraction ``swell``."""
    s = np.linspace(-1.0, 1.0, 11)
    path = back.points(s, t)
    path[:, 1] += arch_m * (1.0 - s**2)
    tall = 1.0 + swell * (1.0 - s**2)
    outline = chamfered_rectangle(0.5 * height_m, 0.006, 0.002)
    return sweep(path, outline, np.stack([tall, np.ones_like(tall)], axis=1), (0.0, 1.0, 0.0), MaterialSlot.BODY)


def rail_at(back: BackSurface, t: float, radius_m: float, s_half: float = 1.0) -> FurniturePart:
    """A thin round rail across the back."""
    return tube(back.points(np.linspace(-s_half, s_half, 9), t), radius_m, 7)


FILLINGS: dict[str, Filling] = {
    "slats": _slats,
    "spindles": _spindles,
    "splat": _splat,
    "panel": _panel,
    "weave": _weave,
    "pad": _pad,
    "cross": _cross,
    "lattice": _lattice,
    "scrolls": _scrolls,
    "rail": _rail,
}
