"""How many GPUs a job asks for."""

import os
import shutil
import subprocess
from functools import cache


def gpus_for(device: str, *, on_cluster: bool) -> int:
    """GPUs that one process on a device asks for.

    Args:
        device: ``auto`` takes a GPU where there is one; without one, jobs may run beside one another on the CPU.
        on_cluster: whether jobs run on other machines than this one, which then are given one for ``auto``.
    """
    return int(device == "cuda" or (device == "auto" and (on_cluster or gpu_is_seen())))


@cache
def gpu_is_seen() -> bool:
    """Whether this machine has a GPU that jobs see, as its driver says; to ask torch would take seconds."""
    driver = shutil.which("nvidia-smi")
    if driver is None or os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return False
    listed = subprocess.run([driver, "--list-gpus"], capture_output=True, text=True, check=False)
    return listed.stdout.startswith("GPU ")
