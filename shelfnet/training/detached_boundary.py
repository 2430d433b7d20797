"""Boundaries at which the autograd graph of an iteration is cut, so that gradients accumulate before they go on."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

Values = TypeVar("Values")
Gradients = list[Tensor | None]


@dataclass(frozen=True)
class DetachedBoundary(Generic[Values]):
    """A dataclass of tensors on both sides of a cut in the autograd graph.

    Attributes:
        original: The tensors with the graph that made them.
        detached: The same values as leaves, which accumulate gradients.
    """

    original: Values
    detached: Values

    def leaves(self) -> list[Tensor]:
        """Leaves that accumulate gradients."""
        return [leaf for _, leaf in self._pairs()]

    def pop_gradients(self) -> Gradients:
        """Gradients that the leaves have accumulated; clears them."""
        gradients = [leaf.grad for leaf in self.leaves()]
        for leaf in self.leaves():
            leaf.grad = None
        return gradients

    def backward(
        self, gradients: Gradients, inputs: Sequence[Tensor] | None = None, retain_graph: bool = False
    ) -> None:
        """Propagate gradients from the boundary into the graph that made the original tensors.

        Args:
            gradients: As returned by :meth:`pop_gradients`; ``None`` counts as zero.
            inputs: Leaves that accumulate gradients; all if ``None``.
            retain_graph: Keep the graph for a further backward pass.
        """
        pairs = [(original, g) for (original, _), g in zip(self._pairs(), gradients, strict=True) if g is not None]
        if pairs:
            originals, values = zip(*pairs, strict=True)
            torch.autograd.backward(originals, values, inputs=inputs, retain_graph=retain_graph)

    def _pairs(self) -> list[tuple[Tensor, Tensor]]:
        """Original and leaf of every tensor that requires a gradient."""
        pairs = zip(tensors_of(self.original), tensors_of(self.detached), strict=True)
        return [(original, leaf) for original, leaf in pairs if original.requires_grad]


def detach(values: Any) -> DetachedBoundary:
    """Cut a dataclass of tensors off from the graph that made them; other attributes are shared."""
    leaves = {
        field.name: value.detach().requires_grad_(value.requires_grad)
        for field in dataclasses.fields(values)
        if isinstance(value := getattr(values, field.name), Tensor)
    }
    return DetachedBoundary(values, dataclasses.replace(values, **leaves))


def add_gradients(first: Gradients, second: Gradients) -> Gradients:
    """Elementwise sums of two lists of gradients; ``None`` counts as zero."""
    return [b if a is None else a if b is None else a + b for a, b in zip(first, second, strict=True)]


def tensors_of(values: Any) -> list[Tensor]:
    """Tensor attributes of a dataclass, in the order of its fields."""
    attributes = (getattr(values, field.name) for field in dataclasses.fields(values))
    return [value for value in attributes if isinstance(value, Tensor)]
