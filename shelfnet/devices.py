"""Choice of the device that a step runs on."""

import torch


def pick_device(wanted: str) -> torch.device:
    """Device for a setting; ``auto`` takes a CUDA GPU if there is one.

    Args:
        wanted: ``auto``, ``cpu`` or ``cuda``.

    Raises:
        RuntimeError: ``cuda`` is asked for and there is no CUDA GPU.
    """
    if wanted == "cuda" and not torch.cuda.is_available():
        raise RuntimeError("device: cuda is asked for, and torch sees no CUDA GPU; use auto or cpu")
    return torch.device("cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu")


def device_name(device: torch.device) -> str:
    """Name of the hardware, for logs and ``model.json``."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU, {torch.get_num_threads()} thread(s)"
