"""Which numbers a calculation must not lose digits of, whatever precision the networks run in."""

import torch
from torch import Tensor


def at_least_float32(values: Tensor) -> Tensor:
    """The same values in float32, or as they are where they have more digits."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def full_precision(like: Tensor) -> torch.autocast:
    """A context on the device of ``like`` in which nothing is calculated in fewer digits than it is stored in."""
    return torch.autocast(like.device.type, enabled=False)
