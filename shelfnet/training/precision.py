"""Mixed precision: convolutions and matrix products in bfloat16, everything that adds up in float32.

bfloat16 has float32's range, so gradients need no scaling. What stays float32: weights, optimisers and spectral norms;
views and latents; occupancies, transparencies and colours along rays; every loss.
"""

from typing import Literal

import torch

Precision = Literal["auto", "float32", "bfloat16"]


def mixed_precision(device: torch.device, precision: Precision) -> torch.autocast:
    """The context of a run's networks; ``auto`` is bfloat16 on CUDA and float32 elsewhere.

    Casts of weights are not kept from one call to the next: captured graphs must make their own.
    """
    lowered = precision == "bfloat16" or (precision == "auto" and device.type == "cuda")
    return torch.autocast(device.type, torch.bfloat16, enabled=lowered, cache_enabled=False)
