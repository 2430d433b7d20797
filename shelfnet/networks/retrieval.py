"""Image-to-caption retrieval accuracy of a CLIP model."""

from dataclasses import dataclass

SUFFICIENT_TIMES_CHANCE = 5.0
"""Minimum ratio of accuracy to chance for a small CLIP to be useful as supervision."""


@dataclass(frozen=True)
class Retrieval:
    """Result of image-to-caption retrieval.

    Attributes:
        top1: Fraction of images whose own caption is the nearest.
        choices: Number of captions per image, including its own.
    """

    top1: float
    choices: int

    @property
    def times_chance(self) -> float:
        """Ratio of the accuracy to that of a random choice."""
        return self.top1 * self.choices

    @property
    def sufficient(self) -> bool:
        """Whether the ratio reaches :data:`SUFFICIENT_TIMES_CHANCE`."""
        return self.times_chance >= SUFFICIENT_TIMES_CHANCE
