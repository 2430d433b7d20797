"""How well a CLIP tells images apart by their captions."""

from dataclasses import dataclass

SUFFICIENT_TIMES_CHANCE = 5.0
"""A small CLIP that is less above chance has learned too little to supervise anything."""


@dataclass(frozen=True)
class Retrieval:
    """Image-to-caption retrieval.

    Attributes:
        top1: share of images that are nearer to their own caption than to any rival.
        choices: captions to choose from, the own one among them.
    """

    top1: float
    choices: int

    @property
    def times_chance(self) -> float:
        """By what factor it beats choosing at random, which is right once in ``choices``."""
        return self.top1 * self.choices

    @property
    def sufficient(self) -> bool:
        """Whether it beats chance by :data:`SUFFICIENT_TIMES_CHANCE` at least."""
        return self.times_chance >= SUFFICIENT_TIMES_CHANCE
