"""GPUs of this machine: how many a job asks for, and which of them it has to itself."""

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

CHOSEN = "CUDA_VISIBLE_DEVICES"
"""The variable that says which GPUs a process sees, by number or UUID."""

log = logging.getLogger(__name__)


def gpus_for(device: str, *, on_cluster: bool) -> int:
    """GPUs that one process on a device asks for.

    Args:
        device: ``auto`` takes a GPU where there is one; without one, jobs may run beside one another on the CPU.
        on_cluster: whether jobs run on other machines than this one, which then are given one for ``auto``.
    """
    return int(device == "cuda" or (device == "auto" and (on_cluster or bool(visible_gpus()))))


def visible_gpus() -> tuple[str, ...]:
    """GPUs that a process started now would see, as ``CUDA_VISIBLE_DEVICES`` names them; none without a driver."""
    listed, chosen = _listed_gpus(), os.environ.get(CHOSEN)
    if chosen is None or not listed:
        return listed
    # As CUDA reads it: what stands behind a number that is none counts no more.
    return tuple(takewhile(lambda name: name not in ("", "-1"), (name.strip() for name in chosen.split(","))))


@contextmanager
def own_gpus(count: int) -> Iterator[None]:
    """Let this process, before it first uses CUDA, see ``count`` GPUs that no other process of this user's has so.

    Nothing changes where no more than that are to be seen, as on a cluster that hands them out. A GPU is held by a lock
    that ends with the process, however that ends. Where too few are free, GPUs are shared, and a warning says so.
    """
    visible = visible_gpus() if count else ()  # most jobs ask for none, and to ask the driver takes time
    if count >= len(visible):
        yield
        return
    before = os.environ.get(CHOSEN)
    with ExitStack() as held:
        taken = _hold_free(visible, count, held)
        if len(taken) < count:
            shared = [gpu for gpu in visible if gpu not in taken][: count - len(taken)]
            log.warning("%d of %d GPUs are free: sharing %s with another job", len(taken), count, ", ".join(shared))
            taken += shared
        os.environ[CHOSEN] = ",".join(taken)
        try:
            yield
        finally:
            if before is None:
                del os.environ[CHOSEN]
            else:
                os.environ[CHOSEN] = before


def _hold_free(gpus: tuple[str, ...], count: int, held: ExitStack) -> list[str]:
    """Up to ``count`` GPUs that nobody holds, held until the stack is closed."""
    folder = Path(tempfile.gettempdir(), f"shelfnet-gpus-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    taken = []
    for gpu in gpus:
        if len(taken) == count:
            break
        lock = (folder / re.sub(r"[^\w-]", "_", gpu)).open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
        else:
            held.enter_context(lock)
            taken.append(gpu)
    return taken


@cache
def _listed_gpus() -> tuple[str, ...]:
    """UUIDs as the driver lists them, of the slices where GPUs are cut into slices (MIG); torch would take seconds."""
    driver = shutil.which("nvidia-smi")
    if driver is None:
        return ()
    listed = subprocess.run([driver, "--list-gpus"], capture_output=True, text=True, check=False).stdout
    found = re.findall(r"\(UUID: ([\w-]+)\)", listed)
    return tuple(uuid for uuid in found if uuid.startswith("MIG-")) or tuple(found)
