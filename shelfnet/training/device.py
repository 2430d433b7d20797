"""Where a run happens."""

import torch


def pick_device(wanted: str) -> torch.device:
    """``auto`` takes a CUDA GPU where there is one.

    Raises:
        RuntimeError: ``cuda`` is asked for and there is none.
    """
    if wanted == "cuda" and not torch.cuda.is_available():
        raise RuntimeError("device: cuda is asked for, and torch sees no CUDA GPU; use auto or cpu")
    return torch.device("cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu")


def device_name(device: torch.device) -> str:
    """The hardware, for people."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU, {torch.get_num_threads()} thread(s)"
