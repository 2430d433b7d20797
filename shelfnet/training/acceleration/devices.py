"""Settings of torch's libraries, and memory layouts, that suit training on a GPU."""

from typing import TypeVar

import torch
from torch import nn

from shelfnet.training.acceleration.precision import Precision

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
