"""The engines that can take the images, by their name in the configuration; each is imported when it is chosen."""

import atexit
import math
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, UInt8

from shelfnet.config.render import RenderSettings
from shelfnet.data.obj.reader import ModelError
from shelfnet.isolation import IsolatedWorker

Images = UInt8[np.ndarray, "v h w 4"]


@runtime_checkable
class RenderEngine(Protocol):
    """Takes images of one model after the other."""

    def render(self, obj_path: Path, cam2world: Float[np.ndarray, "v 4 4"]) -> UInt8[np.ndarray, "v h w 4"]:
        """Images of a model from all cameras (OpenCV axes, object frame), sRGB with straight alpha.

        Raises:
            ModelError: the model cannot be loaded.
        """
        ...


@dataclass(frozen=True)
class Sitting:
    """A model and the cameras (OpenCV axes, object frame) that take it."""

    obj_path: Path
    cam2world: Float[np.ndarray, "v 4 4"]


@contextmanager
def isolated_engine(settings: RenderSettings, threads: int) -> Iterator[Callable[[Sitting], Images]]:
    """The engine of ``settings.engine`` in a process of its own, within the limits of the settings for each model.

    Errors of a model come back as :class:`ModelError`, the end of the process as
    :class:`~shelfnet.isolation.WorkerFailedError`; what is wrong with the engine or its device comes back as it is.
    """
    with tempfile.TemporaryDirectory(prefix="shelfnet-render-") as folder:
        make = partial(make_photographer, settings, threads, Path(folder))
        limits = {"timeout_s": settings.model_timeout_s, "memory_mb": settings.model_memory_mb}
        with IsolatedWorker(make, **limits) as worker:
            yield worker.run


def make_photographer(settings: RenderSettings, threads: int, folder: Path) -> Callable[[Sitting], Images]:
    """Open an engine until this process ends; its temporary files go into ``folder``, which outlives a crash."""
    tempfile.tempdir = str(folder)
    opened = ExitStack()
    engine = opened.enter_context(open_engine(settings, threads))
    atexit.register(opened.close)
    return partial(_photograph, engine)


def _photograph(engine: RenderEngine, sitting: Sitting) -> Images:
    try:
        return engine.render(sitting.obj_path, sitting.cam2world)
    except ModelError:
        raise
    except Exception as error:  # Blender and OpenGL raise RuntimeError, GLError, OSError, ...
        raise ModelError(f"{sitting.obj_path.name}: cannot be rendered: {error}") from error


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
