"""An engine that does what the folder of a model is called, for tests in which it runs in a child process."""

import ctypes
import os
import time
from pathlib import Path

import numpy as np

from shelfnet.data.obj.reader import ModelError
from shelfnet.steps.render_engines import RenderJob


def photograph(sitting: RenderJob) -> np.ndarray:
    """Grey squares, or whatever the model's name asks for."""
    match sitting.obj_path.parent.name:
        case "segfault":
            ctypes.string_at(0)
        case "hang":
            time.sleep(600)
        case "greedy":
            return np.concatenate([np.ones(2**21) for _ in range(500)])
        case "broken":
            raise ModelError(f"{sitting.obj_path.name}: no faces")
    images = np.zeros((len(sitting.cam2world), 32, 32, 4), dtype=np.uint8)
    if sitting.obj_path.parent.name != "blank":
        images[:, 8:24, 8:24] = (90, 120, 60, 255)
    if sitting.obj_path.parent.name == os.environ.get("SHELFNET_TEST_SLOW"):
        Path(os.environ["SHELFNET_TEST_MARK"]).touch()
        time.sleep(600)
    return images


def make_photographer(settings, threads: int, folder: Path):
    """Stands in for :func:`shelfnet.steps.render_engines.make_photographer`."""
    return photograph
