"""Check that every loss is finite, without a host synchronisation in every iteration."""

import math

import torch
from torch import Tensor

from shelfnet.training.state import Scalars


class NonFiniteLossError(ArithmeticError):
    """A loss is infinite or NaN; the message names the iteration and the term."""


class FiniteCheck:
    """Collects terms on their device until they are checked, which synchronises with the host."""

    def __init__(self) -> None:
        self.unchecked: list[tuple[int, tuple[str, ...], Tensor]] = []

    def add(self, iteration: int, terms: Scalars) -> None:
        """Collect a copy of the terms of an iteration."""
        self.unchecked.append((iteration, tuple(terms), torch.stack(list(terms.values()))))

    def check(self) -> None:
        """Check all collected terms.

        Raises:
            NonFiniteLossError: Names the first term that is infinite or NaN, and its iteration.
        """
        unchecked, self.unchecked = self.unchecked, []
        names = [(iteration, name) for iteration, terms, _ in unchecked for name in terms]
        values = torch.cat([values for _, _, values in unchecked]).tolist()
        for (iteration, name), value in zip(names, values, strict=True):
            if not math.isfinite(value):
                raise NonFiniteLossError(f"iteration {iteration}: {name} is {value}")
