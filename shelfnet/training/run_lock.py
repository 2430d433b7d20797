"""Lock of a run folder, so that two trainings never write to it at the same time.

A training can outlive the workflow that started it: locally after a killed terminal, on a cluster by design. The
operating system releases the lock when its holder ends, however it ends, so that a dead holder never blocks a run.
"""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from shelfnet.publishing import publish_text

log = logging.getLogger(__name__)

LOCK, HOLDER = "training.lock", "training.holder"

POLL_S = 1.0


@contextmanager
def hold_run_folder(folder: Path) -> Iterator[bool]:
    """Hold the lock of a run folder, after waiting for another training that holds it.

    Yields:
        Whether another training was waited for.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK)
    waited = False
    try:
        lock.acquire(timeout=0)
    except Timeout:
        waited = True
        log.warning("%s: another training writes here: %s; waiting until it ends", folder, _holder(folder))
        lock.acquire(poll_interval=POLL_S)
    try:
        publish_text(folder / HOLDER, _this_process())
        yield waited
    finally:
        (folder / HOLDER).unlink(missing_ok=True)
        lock.release()


def _this_process() -> str:
    job = os.environ.get("SLURM_JOB_ID")
    return f"process {os.getpid()} on {socket.gethostname()}" + (f", Slurm job {job}" if job else "")


def _holder(folder: Path) -> str:
    try:
        return (folder / HOLDER).read_text()
    except OSError:
        return "unknown process"
