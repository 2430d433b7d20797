"""The engines that can take the pictures, by their name in the configuration; each is imported when it is chosen."""

import math
import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, UInt8

from shelfnet.config.render import RenderSettings


@runtime_checkable
class RenderEngine(Protocol):
    """Takes pictures of one model after the other."""

    def render(self, obj_path: Path, cam2world: Float[np.ndarray, "v 4 4"]) -> UInt8[np.ndarray, "v h w 4"]:
        """Pictures of a model from all cameras (OpenCV axes, object frame), sRGB with straight alpha.

        Raises:
            ModelError: the model cannot be loaded.
        """
        ...


def open_engine(settings: RenderSettings, threads: int) -> AbstractContextManager[RenderEngine]:
    """The engine of ``settings.engine``, to be entered before it renders."""
    return ENGINES[settings.engine](settings, threads)


def _cycles(settings: RenderSettings, threads: int) -> AbstractContextManager[RenderEngine]:
    from shelfnet.blender.engine import CyclesEngine, CyclesQuality

    quality = CyclesQuality(settings.resolution_px, settings.samples, settings.denoise)
    return CyclesEngine(quality, math.radians(settings.fov_deg), settings.device, threads)


def _pyrender(settings: RenderSettings, threads: int) -> AbstractContextManager[RenderEngine]:
    os.environ.setdefault("LP_NUM_THREADS", str(threads))  # read by Mesa's software renderer when its context opens
    from shelfnet.preview.engine import PyrenderEngine

    return PyrenderEngine(settings.resolution_px, math.radians(settings.fov_deg))


ENGINES: Mapping[str, Callable[[RenderSettings, int], AbstractContextManager[RenderEngine]]] = {
    "cycles": _cycles,
    "pyrender": _pyrender,
}
"""Engines by name."""
