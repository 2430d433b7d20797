"""What a builder is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from shelfnet.procedural.styles import Range, StyleTraits

Choice = TypeVar("Choice")


@dataclass(frozen=True)
class Brief:
    """A commission: the style's habits, what the body is made of, and the dice.

    Attributes:
        traits: habits of the style.
        style: its word.
        soft: seat and back are upholstered, not boards.
        metal_frame: the frame is metal, so bars are slim and round.
        quilted: the upholstery is buttoned or channelled.
        wrought: open backs are filled with iron scrolls.
        rng: this model's own generator.
    """

    traits: StyleTraits
    style: str
    soft: bool
    metal_frame: bool
    quilted: bool
    wrought: bool
    rng: np.random.Generator

    def within(self, low_high: Range) -> float:
        """A number uniform in a range."""
        return float(self.rng.uniform(*low_high))

    def pick(self, options: Sequence[Choice]) -> Choice:
        """One of the options."""
        return options[int(self.rng.integers(len(options)))]

    def chance(self, probability: float) -> bool:
        """Whether an event of that probability happens."""
        return bool(self.rng.random() < probability)

    @property
    def bar_radius_m(self) -> float:
        """Half thickness of bars: slim in metal, by the style in wood."""
        return self.within((0.009, 0.013)) if self.metal_frame else self.within(self.traits.leg_radius_m)
