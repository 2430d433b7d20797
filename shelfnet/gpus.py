"""GPUs of this machine: how many a job requests, and exclusive use of them."""

import fcntl
import logging
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from itertools import takewhile
from pathlib import Path

VARIABLE = "CUDA_VISIBLE_DEVICES"
"""Environment variable with the numbers or UUIDs of the GPUs that a process may use."""

log = logging.getLogger(__name__)


def requested_gpus(device: str, *, on_cluster: bool) -> int:
    """Number of GPUs that one process requests.

    Args:
        device: ``cpu``, ``cuda``, or ``auto``, which uses a GPU if there is one.
        on_cluster: Whether jobs run on other machines, in which case ``auto`` requests a GPU.
    """
    return int(device == "cuda" or (device == "auto" and (on_cluster or bool(visible_gpus()))))


def visible_gpus() -> tuple[str, ...]:
    """GPUs that a new process would see, named as in ``CUDA_VISIBLE_DEVICES``; none without a driver."""
    listed, selected = _listed_gpus(), os.environ.get(VARIABLE)
    if selected is None or not listed:
        return listed
    # CUDA ignores everything after the first invalid entry.
    return tuple(takewhile(lambda name: name not in ("", "-1"), (name.strip() for name in selected.split(","))))


@contextmanager
def reserve_gpus(count: int) -> Iterator[None]:
    """Restrict this process to ``count`` GPUs that none of the user's other processes has reserved.

    Must be entered before CUDA is first used. Nothing changes if no more than ``count`` GPUs are visible, as on a
    cluster that assigns them. A reservation is a file lock that ends with the process. If too few GPUs are free,
    reserved ones are shared, with a warning.
    """
    visible = visible_gpus() if count else ()  # most jobs request none, and asking the driver takes time
    if count >= len(visible):
        yield
        return
    before = os.environ.get(VARIABLE)
    with ExitStack() as locks:
        reserved = _lock_free_gpus(visible, count, locks)
        if len(reserved) < count:
            shared = [gpu for gpu in visible if gpu not in reserved][: count - len(reserved)]
            log.warning("%d of %d GPUs are free: sharing %s with another job", len(reserved), count, ", ".join(shared))
            reserved += shared
        os.environ[VARIABLE] = ",".join(reserved)
        try:
            yield
        finally:
            if before is None:
                del os.environ[VARIABLE]
            else:
                os.environ[VARIABLE] = before


def _lock_free_gpus(gpus: tuple[str, ...], count: int, locks: ExitStack) -> list[str]:
    """Lock up to ``count`` GPUs until the stack is closed."""
    folder = Path(tempfile.gettempdir(), f"shelfnet-gpus-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    reserved = []
    for gpu in gpus:
        if len(reserved) == count:
            break
        lock = (folder / re.sub(r"[^\w-]", "_", gpu)).open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
        else:
            locks.enter_context(lock)
            reserved.append(gpu)
    return reserved


@cache
def _listed_gpus() -> tuple[str, ...]:
    """UUIDs from the driver, or those of the MIG slices if there are any. Importing torch would take seconds."""
    driver = shutil.which("nvidia-smi")
    if driver is None:
        return ()
    listed = subprocess.run([driver, "--list-gpus"], capture_output=True, text=True, check=False).stdout
    found = re.findall(r"\(UUID: ([\w-]+)\)", listed)
    return tuple(uuid for uuid in found if uuid.startswith("MIG-")) or tuple(found)
