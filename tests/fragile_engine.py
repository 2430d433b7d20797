"""A fake engine for tests with child processes; the name of a model's folder determines its outcome."""

import ctypes
import os
import time
from pathlib import Path

import numpy as np

from shelfnet.data.obj.reader import ModelError
from shelfnet.steps.render_engines import RenderJob


def render(job: RenderJob) -> np.ndarray:
    """Grey squares, or the fault named by the model's folder."""
    match job.obj_path.parent.name:
        case "segfault":
            ctypes.string_at(0)
        case "hang":
            time.sleep(600)
        case "greedy":
            return np.concatenate([np.ones(2**21) for _ in range(500)])
        case "broken":
            raise ModelError(f"{job.obj_path.name}: no faces")
    images = np.zeros((len(job.cam2world), 32, 32, 4), dtype=np.uint8)
    if job.obj_path.parent.name != "blank":
        images[:, 8:24, 8:24] = (90, 120, 60, 255)
    if job.obj_path.parent.name == os.environ.get("SHELFNET_TEST_SLOW"):
        Path(os.environ["SHELFNET_TEST_MARK"]).touch()
        time.sleep(600)
    return images


def make_renderer(settings, threads: int, folder: Path):
    """Replaces :func:`shelfnet.steps.render_engines.make_renderer`."""
    return render
