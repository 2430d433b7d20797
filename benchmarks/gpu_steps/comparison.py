"""Comparison of calculations on a CPU and on another device."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map

CPU = torch.device("cpu")


class RandomNumbersOfTheCpu(TorchFunctionMode):
    """Draws every random number that has a generator from one generator on the CPU, whatever the device.

    Generators of different devices yield different numbers for one seed. With this mode, a calculation sees the same
    numbers on every device.

    Args:
        seed: Seed of the numbers.
    """

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.generator = torch.Generator().manual_seed(seed)

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        """Run an operation."""
        kwargs = kwargs or {}
        if not isinstance(kwargs.get("generator"), torch.Generator):
            return func(*args, **kwargs)
        device = kwargs["generator"].device
        here = {**kwargs, "generator": self.generator}
        if "device" in here:
            here["device"] = CPU
        drawn = func(*tree_map(_on_cpu, args), **here)
        return drawn.to(device)


def _on_cpu(value: Any) -> Any:
    return value.cpu() if isinstance(value, Tensor) else value


@dataclass(frozen=True)
class Tolerance:
    """Largest differences that pass, relative to the values on the CPU.

    Attributes:
        terms: Of a loss term, or of one where the term is smaller.
        gradients: Of all gradients of a network together, in the Euclidean norm.
    """

    terms: float
    gradients: float


FLOAT32 = Tolerance(terms=1e-3, gradients=1e-2)
BFLOAT16 = Tolerance(terms=5e-2, gradients=0.7)
"""Gradients in bfloat16 are noisy; one that has nothing to do with the expected one differs by 1 or more."""


@dataclass(frozen=True)
class Outcome:
    """Loss terms and gradients of an iteration, on the CPU in float64.

    Attributes:
        terms: Loss terms by name.
        gradients: Gradients of a network by its name, in the order of its parameters.
    """

    terms: dict[str, float]
    gradients: dict[str, list[Tensor]]

    @classmethod
    def of(cls, terms: Mapping[str, Tensor], networks: Mapping[str, nn.Module]) -> "Outcome":
        """Copy what an iteration returned and left behind."""
        values = torch.stack([value.detach().double() for value in terms.values()]).tolist()
        gradients = {name: [g.double().cpu() for g in _gradients(network)] for name, network in networks.items()}
        return cls(dict(zip(terms, values, strict=True)), gradients)


def compare(found: Outcome, expected: Outcome, tolerance: Tolerance) -> dict[str, Any]:
    """Largest differences, where they are, and whether they pass; anything not finite fails."""
    terms = {
        name: abs(found.terms[name] - value) / max(abs(value), 1.0)
        for name, value in expected.terms.items()
        if not name.startswith("health/")
    }
    gradients = {
        name: relative_difference(found.gradients[name], expected_gradients)
        for name, expected_gradients in expected.gradients.items()
    }
    worst = max(terms, key=lambda name: _size(terms[name]))
    largest = max(gradients.values(), key=_size)
    return {
        "passed": terms[worst] <= tolerance.terms and largest <= tolerance.gradients,
        "term_error": terms[worst],
        "term": worst,
        "gradient_error": largest,
        "gradient_errors": gradients,
        "tolerance": [tolerance.terms, tolerance.gradients],
    }


def relative_difference(found: Iterable[Tensor], expected: Iterable[Tensor]) -> float:
    """Norm of the difference of two lists of tensors over the norm of the second."""
    first, second = (
        torch.cat([tensor.detach().double().cpu().flatten() for tensor in each]) for each in (found, expected)
    )
    return float((first - second).norm() / second.norm().clamp(min=1e-30))


def _gradients(network: nn.Module) -> list[Tensor]:
    return [torch.zeros_like(p) if p.grad is None else p.grad for p in network.parameters()]


def _size(value: float) -> float:
    """For ``max``, which would skip NaN."""
    return value if value == value else float("inf")
