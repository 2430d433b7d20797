"""Places where the graph of an iteration is cut, so that gradients wait there and go on in one pass."""

import dataclasses
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

T = TypeVar("T")


@dataclass(frozen=True)
class Seam(Generic[T]):
    """A dataclass of tensors, as it was made and as those after the cut see it.

    Attributes:
        made: the original; its graph leads to what made it.
        seen: the same values as leaves, which collect gradients.
    """

    made: T
    seen: T

    def pairs(self) -> list[tuple[Tensor, Tensor]]:
        """Original and leaf of every tensor that wants a gradient."""
        return [
            (made, seen)
            for made, seen in zip(tensors_of(self.made), tensors_of(self.seen), strict=True)
            if made.requires_grad
        ]

    def leaves(self) -> list[Tensor]:
        """The leaves that collect gradients."""
        return [seen for _, seen in self.pairs()]

    def take(self) -> list[Tensor | None]:
        """What the leaves have collected so far, each gradient once: the leaves begin anew."""
        collected = [leaf.grad for leaf in self.leaves()]
        for leaf in self.leaves():
            leaf.grad = None
        return collected

    def pass_on(self, gradients: list[Tensor | None], inputs: list[Tensor] | None = None, keep: bool = False) -> None:
        """Carry gradients from the cut on to what made the tensors.

        Args:
            gradients: as :meth:`take` returns them; those that are missing count as zero.
            inputs: leaves that they go to; all where ``None``.
            keep: hold the graph for another pass.
        """
        flowing = [(made, g) for (made, _), g in zip(self.pairs(), gradients, strict=True) if g is not None]
        if flowing:
            made, values = zip(*flowing, strict=True)
            torch.autograd.backward(made, values, inputs=inputs, retain_graph=keep)


def cut(value: Any) -> Seam:
    """Cut a dataclass off from what made its tensors; other attributes are shared."""
    leaves = {
        name: tensor.detach().requires_grad_(tensor.requires_grad)
        for name, tensor in ((member.name, getattr(value, member.name)) for member in dataclasses.fields(value))
        if isinstance(tensor, Tensor)
    }
    return Seam(value, dataclasses.replace(value, **leaves))


def add(first: list[Tensor | None], second: list[Tensor | None]) -> list[Tensor | None]:
    """Sums of gradients of which any may be missing."""
    return [b if a is None else a if b is None else a + b for a, b in zip(first, second, strict=True)]


def tensors_of(value: Any) -> list[Tensor]:
    """Members of a dataclass that are tensors, in order."""
    values = (getattr(value, member.name) for member in dataclasses.fields(value))
    return [tensor for tensor in values if isinstance(tensor, Tensor)]
