"""Status of a job: a small file beside its journal, which the job locks while it lives.

The operating system releases the lock when the job ends, however it ends. A job whose file says RUNNING and is not
locked was killed.
"""

from __future__ import annotations

import fcntl
import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

SUFFIX = ".status"
RUNNING, FAILED, KILLED, FINISHED = "RUNNING", "FAILED", "KILLED", "FINISHED"
"""MLflow's names. The first of them that a job of a run has is the status of the run."""


@dataclass(frozen=True)
class JobStatus:
    """Status of one job.

    Attributes:
        run: MLflow run to which the job contributes.
        status: One of the names above.
        since: Unix time of the last change.
        host: Machine of the job.
    """

    run: str
    status: str
    since: float
    host: str


@contextmanager
def job_status(path: Path, run: str) -> Iterator[None]:
    """Mark a job as running while in the block, and as finished or failed afterwards.

    Args:
        path: Status file.
        run: MLflow run to which the job contributes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as stream:
        with suppress(OSError):  # file systems without locks
            fcntl.flock(stream, fcntl.LOCK_EX)
        _write(stream, run, RUNNING)
        try:
            yield
        except Exception:
            _write(stream, run, FAILED)
            raise
        except BaseException:
            _write(stream, run, KILLED)
            raise
        _write(stream, run, FINISHED)


def job_statuses(journals: Path) -> list[JobStatus]:
    """Status of every job that has one."""
    return [found for path in sorted(journals.glob(f"*{SUFFIX}")) if (found := _read(path)) is not None]


def mark_killed(journals: Path) -> bool:
    """Mark jobs that ended without setting a status as killed; returns whether there was one."""
    return sum(_mark_if_killed(path) for path in journals.glob(f"*{SUFFIX}")) > 0


def _mark_if_killed(path: Path) -> bool:
    found = _read(path)
    if found is None or found.status != RUNNING:
        return False
    with path.open("r+") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        found = _read(path)
        if found is None or found.status != RUNNING:
            return False
        signs = (path, path.with_suffix(".jsonl"))
        last_sign = max(sign.stat().st_mtime for sign in signs if sign.exists())
        _write(stream, found.run, KILLED, last_sign)
        return True


def _read(path: Path) -> JobStatus | None:
    """Status in a file; ``None`` while it is being written."""
    try:
        return JobStatus(**json.loads(path.read_text()))
    except (ValueError, TypeError, FileNotFoundError):
        return None


def _write(stream: IO[str], run: str, status: str, since: float | None = None) -> None:
    with suppress(OSError):
        stream.truncate(0)
        stream.seek(0)
        stream.write(json.dumps(asdict(JobStatus(run, status, since or time.time(), socket.gethostname()))))
        stream.flush()
