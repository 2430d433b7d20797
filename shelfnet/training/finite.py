"""Losses that are no finite number, named by where they began."""

import math

import torch
from torch import Tensor

from shelfnet.training.terms import Scalars


class NonFiniteLossError(ArithmeticError):
    """A loss is infinite or not a number; the message names the iteration and the term."""


class FiniteWatch:
    """Keeps the terms of iterations on their device until somebody looks, for which the host waits."""

    def __init__(self) -> None:
        self.unseen: list[tuple[int, tuple[str, ...], Tensor]] = []

    def add(self, iteration: int, terms: Scalars) -> None:
        """Remember a copy of the terms of an iteration."""
        self.unseen.append((iteration, tuple(terms), torch.stack(list(terms.values()))))

    def look(self) -> None:
        """Stop at the first term of the first iteration, of those not yet looked at, that is no finite number.

        Raises:
            NonFiniteLossError: names the iteration and the term.
        """
        unseen, self.unseen = self.unseen, []
        names = [(iteration, name) for iteration, terms, _ in unseen for name in terms]
        for (iteration, name), value in zip(names, torch.cat([v for _, _, v in unseen]).tolist(), strict=True):
            if not math.isfinite(value):
                raise NonFiniteLossError(f"iteration {iteration}: {name} is {value}")
