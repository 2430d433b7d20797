"""Design parameters of a piece and the random choices of its builder."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from shelfnet.procedural.styles import Range, StyleTraits

Choice = TypeVar("Choice")


@dataclass(frozen=True)
class Design:
    """Design parameters of one piece.

    Attributes:
        traits: Traits of the style.
        style: Style tag.
        upholstered: Whether seat and back are cushions instead of boards.
        metal_frame: Whether the frame is metal, with slim round bars.
        quilted: Whether the upholstery has channels.
        wrought_iron: Whether open backs are filled with iron scrolls.
        rng: Random generator of the shape.
    """

    traits: StyleTraits
    style: str
    upholstered: bool
    metal_frame: bool
    quilted: bool
    wrought_iron: bool
    rng: np.random.Generator

    def uniform(self, low_high: Range) -> float:
        """Draw uniformly from a range."""
        return float(self.rng.uniform(*low_high))

    def choice(self, options: Sequence[Choice]) -> Choice:
        """Draw one of the options."""
        return options[int(self.rng.integers(len(options)))]

    def chance(self, probability: float) -> bool:
        """Draw ``True`` with this probability."""
        return bool(self.rng.random() < probability)

    @property
    def bar_radius_m(self) -> float:
        """Draw a half thickness of bars: slim for metal, by style for wood."""
        return self.uniform((0.009, 0.013)) if self.metal_frame else self.uniform(self.traits.leg_radius_m)
