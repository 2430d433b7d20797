"""Adam for a few parameters, without ``torch.optim``: its optimisers load torch's compiler, which takes seconds.

Source: Kingma and Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, Algorithm 1.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

_BETAS = (0.9, 0.999)
_EPSILON = 1e-8


class Adam:
    """Optimiser of tensors in place, with the defaults of :class:`torch.optim.Adam`."""

    def __init__(self, parameters: Sequence[Tensor], learning_rate: float) -> None:
        self.parameters = parameters
        self.learning_rate = learning_rate
        self.means = [torch.zeros_like(value, requires_grad=False) for value in parameters]
        self.squares = [torch.zeros_like(value, requires_grad=False) for value in parameters]
        self.steps = 0

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor]) -> None:
        """Update all parameters in place from their gradients."""
        self.steps += 1
        mean_correction, square_correction = (1.0 - beta**self.steps for beta in _BETAS)
        for value, gradient, mean, square in zip(self.parameters, gradients, self.means, self.squares, strict=True):
            mean.lerp_(gradient, 1.0 - _BETAS[0])
            square.lerp_(gradient.square(), 1.0 - _BETAS[1])
            value -= self.learning_rate * (mean / mean_correction) / ((square / square_correction).sqrt() + _EPSILON)
