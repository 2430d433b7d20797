"""Where a run happens."""

import torch
from torch import nn

from shelfnet.training.precision import Precision

LAST_CHANNELS = {4: torch.channels_last, 5: torch.channels_last_3d}


def pick_device(wanted: str) -> torch.device:
    """``auto`` takes a CUDA GPU where there is one.

    Raises:
        RuntimeError: ``cuda`` is asked for and there is none.
    """
    if wanted == "cuda" and not torch.cuda.is_available():
        raise RuntimeError("device: cuda is asked for, and torch sees no CUDA GPU; use auto or cpu")
    return torch.device("cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu")


def tune(device: torch.device, precision: Precision) -> None:
    """Settings of the libraries that suit training: sizes never change, and what is not bfloat16 may still be TF32.

    On CUDA, float32 asked for by name is float32 to the last digit.
    """
    if device.type != "cuda":
        return
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = precision != "float32"
    torch.set_float32_matmul_precision("highest" if precision == "float32" else "high")


def to_channels_last(network: nn.Module) -> nn.Module:
    """The same network with the weights of its convolutions in the order that tensor cores read, channels last."""
    for module in network.modules():
        for parameter in module.parameters(recurse=False):
            if parameter.ndim in LAST_CHANNELS:
                parameter.data = parameter.data.to(memory_format=LAST_CHANNELS[parameter.ndim])
    return network


def device_name(device: torch.device) -> str:
    """The hardware, for people."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU, {torch.get_num_threads()} thread(s)"
