"""What a process has used so far."""

import resource
import sys

import torch


def peak_memory_mb() -> float:
    """Largest resident memory of this process so far, in 10^6 bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1.0 if sys.platform == "darwin" else 1024.0) / 1e6


def peak_memory_text() -> str:
    """Peak memory of the process, and of the GPU where one is used, for people."""
    text = f"peak memory {peak_memory_mb():.0f} MB"
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        text += f", {torch.cuda.max_memory_allocated() / 1e6:.0f} MB of the GPU"
    return text
