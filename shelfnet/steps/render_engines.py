"""Render engines by their name in the configuration, each imported only when it is selected."""

import atexit
import math
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, UInt8

from shelfnet.config.render import RenderSettings
from shelfnet.data.obj.reader import ModelError
from shelfnet.data.variation.conditions import ViewConditions
from shelfnet.isolation import IsolatedWorker
from shelfnet.temporary import temporary_folder

Images = UInt8[np.ndarray, "v h w 4"]


@runtime_checkable
class RenderEngine(Protocol):
    """Renders models one after the other."""

    def render(
        self, obj_path: Path, cam2world: Float[np.ndarray, "v 4 4"], conditions: Sequence[ViewConditions] | None = None
    ) -> UInt8[np.ndarray, "v h w 4"]:
        """Images of a model from all cameras (OpenCV axes, object frame), sRGB with straight alpha.

        Args:
            obj_path: The model.
            cam2world: Cameras.
            conditions: Conditions of each camera, by default those of the engine.

        Raises:
            ModelError: The model cannot be loaded.
        """


@dataclass(frozen=True)
class RenderJob:
    """A model, the cameras (OpenCV axes, object frame) to render it from, and the conditions of each."""

    obj_path: Path
    cam2world: Float[np.ndarray, "v 4 4"]
    conditions: tuple[ViewConditions, ...]


@contextmanager
def isolated_engine(settings: RenderSettings, threads: int) -> Iterator[Callable[[RenderJob], Images]]:
    """The engine ``settings.engine`` in a child process, with the time and memory limits of the settings per model.

    Faults of a model raise :class:`ModelError`, the end of the process raises
    :class:`~shelfnet.isolation.WorkerFailedError`, and faults of the engine or its device are raised unchanged.
    """
    with temporary_folder("render") as folder:
        make = partial(make_renderer, settings, threads, folder)
        with IsolatedWorker(make, timeout_s=settings.model_timeout_s, memory_mb=settings.model_memory_mb) as worker:
            yield worker.run


def make_renderer(settings: RenderSettings, threads: int, folder: Path) -> Callable[[RenderJob], Images]:
    """Open an engine until this process ends; its temporary files go into ``folder``, which outlives a crash."""
    tempfile.tempdir = str(folder)
    opened = ExitStack()
    engine = opened.enter_context(open_engine(settings, threads))
    atexit.register(opened.close)
    return partial(_render, engine)


def _render(engine: RenderEngine, job: RenderJob) -> Images:
    try:
        return engine.render(job.obj_path, job.cam2world, job.conditions)
    except ModelError:
        raise
    except Exception as error:  # Blender and OpenGL raise RuntimeError, GLError, OSError, ...
        raise ModelError(f"{job.obj_path.name}: cannot be rendered: {error}") from error


def open_engine(settings: RenderSettings, threads: int) -> AbstractContextManager[RenderEngine]:
    """The engine ``settings.engine`` as a context manager."""
    return ENGINES[settings.engine](settings, threads)


def _cycles(settings: RenderSettings, threads: int) -> AbstractContextManager[RenderEngine]:
    from shelfnet.blender.engine import CyclesEngine, CyclesQuality

    quality = CyclesQuality(settings.rendered_px, settings.samples, settings.denoise)
    return CyclesEngine(quality, math.radians(settings.fov_deg), settings.device, threads)


def _pyrender(settings: RenderSettings, threads: int) -> AbstractContextManager[RenderEngine]:
    os.environ.setdefault("LP_NUM_THREADS", str(threads))  # read by Mesa's software renderer when its context opens
    from shelfnet.preview.engine import PyrenderEngine

    return PyrenderEngine(settings.rendered_px, math.radians(settings.fov_deg))


ENGINES: Mapping[str, Callable[[RenderSettings, int], AbstractContextManager[RenderEngine]]] = {
    "cycles": _cycles,
    "pyrender": _pyrender,
}
