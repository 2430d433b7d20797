"""Helpers that keep numerically sensitive operations in float32 under autocast."""

import torch
from torch import Tensor


def at_least_float32(values: Tensor) -> Tensor:
    """Cast lower-precision values to float32; float32 and float64 are unchanged."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def full_precision(like: Tensor) -> torch.autocast:
    """Context that disables autocast on the device of ``like``."""
    return torch.autocast(like.device.type, enabled=False)
