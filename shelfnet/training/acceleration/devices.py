"""Settings of torch's libraries, precision and memory layouts that suit training on a GPU."""

from typing import Literal, TypeVar

import torch
from torch import nn

Precision = Literal["auto", "float32", "bfloat16"]
NetworkT = TypeVar("NetworkT", bound=nn.Module)

CHANNELS_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}
"""Memory format by number of dimensions of a convolution's weight."""


def tune_backends(device: torch.device, precision: Precision) -> None:
    """Let cuDNN pick its fastest kernels, and allow TF32 unless ``precision`` is ``float32``."""
    if device.type != "cuda":
        return
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = precision != "float32"
    torch.set_float32_matmul_precision("highest" if precision == "float32" else "high")


def to_channels_last(network: NetworkT) -> NetworkT:
    """Store convolution weights channels last, the order that tensor cores read; returns the same network."""
    for parameter in network.parameters():
        if parameter.ndim in CHANNELS_LAST:
            parameter.data = parameter.data.to(memory_format=CHANNELS_LAST[parameter.ndim])
    return network


def move_to_device(network: NetworkT, device: torch.device) -> NetworkT:
    """Move a network, in place, to a device; on CUDA its convolution weights become channels last."""
    network = network.to(device)
    return to_channels_last(network) if device.type == "cuda" else network


def mixed_precision(device: torch.device, precision: Precision) -> torch.autocast:
    """Autocast context of the networks; ``auto`` is bfloat16 on CUDA and float32 elsewhere.

    Convolutions and matrix products are in bfloat16, which has float32's range, so gradients need no scaling. These
    stay float32: weights, optimiser states and spectral norms; views and latents; occupancies, transmittances and
    colours along rays; every loss. Weight casts are not cached between calls, since a captured CUDA graph must contain
    its own.
    """
    bfloat16 = precision == "bfloat16" or (precision == "auto" and device.type == "cuda")
    return torch.autocast(device.type, torch.bfloat16, enabled=bfloat16, cache_enabled=False)
