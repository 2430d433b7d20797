"""Fused Adam with a learning rate that a captured CUDA graph reads anew at every replay."""

import torch
from torch import Tensor, nn

BETAS = (0.5, 0.99)


def fused_adam(network: nn.Module, learning_rate: float) -> torch.optim.Optimizer:
    """Adam over all parameters of a network, on their device.

    On CUDA the step count and the learning rate are tensors, so that a step neither waits nor changes when captured.
    """
    parameters = list(network.parameters())
    device = parameters[0].device
    if device.type != "cuda":
        return torch.optim.Adam(parameters, learning_rate, betas=BETAS, fused=True)
    rate = torch.tensor(learning_rate, device=device)
    return torch.optim.Adam(parameters, rate, betas=BETAS, fused=True, capturable=True)


def set_learning_rate(optimiser: torch.optim.Optimizer, learning_rate: float) -> None:
    """Change the learning rate in place, so that captured steps see it."""
    for group in optimiser.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(learning_rate)
        else:
            group["lr"] = learning_rate
