"""What the machine is, and what it does at best: rates of matrix products and of a copy, measured."""

import importlib.metadata
import os
import platform
from dataclasses import asdict
from typing import Any

import torch
from measuring import measure_ceiling

from gpu_steps.task import Recorder, Task
from shelfnet.devices import device_name, pick_device
from shelfnet.provenance import code_version
from shelfnet.training.acceleration.compilation import missing_tool

PACKAGES = (
    "torch", "triton", "torchvision", "numpy", "scipy", "e3nn", "numba", "open_clip_torch", "pydantic", "trimesh",
    "fast-simplification", "scikit-image", "pyarrow", "safetensors", "jaxtyping",
)  # fmt: skip


def run(task: Task, recorder: Recorder) -> None:
    """Describe the machine, then measure it."""
    device = pick_device(task.device)
    recorder.put(
        device=device_name(device),
        python=platform.python_version(),
        cpus=os.cpu_count(),
        packages={name: version(name) for name in PACKAGES},
        missing_for_compilation=missing_tool(device),
        code_version=code_version(),
        **(gpu(device) if device.type == "cuda" else {}),
    )
    recorder.put(ceiling=asdict(measure_ceiling(device, 0.1 if task.rehearse else 0.5)))


def gpu(device: torch.device) -> dict[str, Any]:
    """What torch says of a GPU."""
    properties = torch.cuda.get_device_properties(device)
    return {
        "memory_gib": round(properties.total_memory / 2**30, 1),
        "multiprocessors": properties.multi_processor_count,
        "capability": f"{properties.major}.{properties.minor}",
        "l2_mib": round(properties.L2_cache_size / 2**20, 1),
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
    }


def version(package: str) -> str | None:
    """Installed version of a package; ``None`` if it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
