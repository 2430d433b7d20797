"""Mixed precision: convolutions and matrix products in bfloat16, everything that accumulates in float32.

bfloat16 has float32's range, so gradients need no scaling. These stay float32: weights, optimiser states and spectral
norms; views and latents; occupancies, transmittances and colours along rays; every loss.
"""

from typing import Literal

import torch

Precision = Literal["auto", "float32", "bfloat16"]


def mixed_precision(device: torch.device, precision: Precision) -> torch.autocast:
    """Autocast context of the networks; ``auto`` is bfloat16 on CUDA and float32 elsewhere.

    Weight casts are not cached between calls, since a captured CUDA graph must contain its own.
    """
    bfloat16 = precision == "bfloat16" or (precision == "auto" and device.type == "cuda")
    return torch.autocast(device.type, torch.bfloat16, enabled=bfloat16, cache_enabled=False)
