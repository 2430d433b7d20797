"""Loops that numba compiles for CPUs, and their threads."""

import inspect
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import Tensor

log = logging.getLogger(__name__)


@cache
def has_compiler() -> bool:
    """Whether numba is installed, which compiles the loops."""
    return find_spec("numba") is not None


def can_compile(*tensors: Tensor) -> bool:
    """Whether numba is installed and all tensors are float32 on a CPU."""
    return has_compiler() and all(value.device.type == "cpu" and value.dtype == torch.float32 for value in tensors)


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile at the first call; the code is cached next to the function, else in the user's cache, else not at all.

    Sums may be reassociated, so that loops become vector instructions; infinities and NaN keep their meaning. numba
    notices edits of the function's own file only: after an edit of compiled functions or constants that it imports, or
    of the options here, delete the compiled code in ``__pycache__``.
    """
    import numba

    plain = inspect.unwrap(function)
    options: dict[str, Any] = {"nogil": True, "fastmath": {"contract", "reassoc", "nsz"}, "error_model": "numpy"}
    try:
        return numba.njit(plain, cache=True, **options)
    except RuntimeError:
        log.info("no folder for compiled code is writable: %s is compiled in every process", plain.__name__)
        return numba.njit(plain, **options)


def inlined(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile as part of the calling function."""
    import numba

    return numba.njit(inspect.unwrap(function), inline="always")


def object_arrays(tensors: Sequence[Tensor], index: int) -> list[np.ndarray]:
    """One object's part of tensors, without copies."""
    return [tensor.detach().numpy()[index] for tensor in tensors]


def for_each_object(work: Callable[[int], None], n_objects: int) -> None:
    """Call ``work`` with the index of every object, in as many threads as torch uses."""
    threads = min(torch.get_num_threads(), n_objects)
    if threads <= 1:
        for index in range(n_objects):
            work(index)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(n_objects)))
