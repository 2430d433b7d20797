"""Adam, as one fused kernel, with a learning rate that a captured graph can be told anew."""

import torch
from torch import Tensor, nn

BETAS = (0.5, 0.99)


def adam(network: nn.Module, learning_rate: float) -> torch.optim.Optimizer:
    """Adam over all parameters of a network, on the device where they are.

    On CUDA its step count and learning rate are tensors there, so that a step never waits and can be replayed.
    """
    parameters = list(network.parameters())
    device = parameters[0].device
    if device.type != "cuda":
        return torch.optim.Adam(parameters, learning_rate, betas=BETAS, fused=True)
    rate = torch.tensor(learning_rate, device=device)
    return torch.optim.Adam(parameters, rate, betas=BETAS, fused=True, capturable=True)


def set_rate(optimiser: torch.optim.Optimizer, learning_rate: float) -> None:
    """Change the learning rate in place: without a copy from the host, and seen by a captured step."""
    for group in optimiser.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(learning_rate)
        else:
            group["lr"] = learning_rate
