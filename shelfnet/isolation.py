"""Run a function in a child process, so that a crash, a hang or an out-of-memory stays away from the caller.

Compiled readers, Blender and OpenGL drivers can end a process in ways that Python cannot catch. One child serves many
items, because starting it costs seconds of imports. It is replaced after a failure.

The memory limit is checked by polling the child's resident memory. ``RLIMIT_AS`` and ``RLIMIT_DATA`` do not work here:
CUDA, Blender and software OpenGL reserve many times the memory that they touch, and compiled code crashes without a
message when an allocation fails. Polling can overshoot by what a child touches within :data:`POLL_INTERVAL_S`, so the
child also makes itself the first candidate of the kernel's OOM killer.
"""

import faulthandler
import logging
import logging.handlers
import multiprocessing
import os
import pickle
import signal
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, Generic, TypeVar

POLL_INTERVAL_S = 0.05
"""Interval between checks of a busy child. A result ends the wait at once."""

START_TIMEOUT_S = 600.0
"""Time for the child's imports and its factory."""

STOP_TIMEOUT_S = 5.0
"""Time for an idle child to exit by itself."""

Item = TypeVar("Item")
Result = TypeVar("Result")


class WorkerFailedError(RuntimeError):
    """The child process ended, or was killed, before it returned a result."""


@dataclass(frozen=True)
class _Answer:
    """What the child sends for an item: a result, or the exception that the function raised."""

    result: Any = None
    error: Exception | None = None

    def unwrap(self) -> Any:
        if self.error is not None:
            raise self.error
        return self.result


@dataclass(frozen=True)
class _Child:
    process: SpawnProcess
    connection: Connection


class IsolatedWorker(Generic[Item, Result]):
    """Calls a function in a child process, one item at a time, within limits of time and memory.

    The first :meth:`run` starts the child, which ends with this process in any case. Log records of the child are
    handled by the loggers of this process. A worker serves one thread at a time.

    Args:
        make: Picklable factory, called once per child without arguments, that returns the function.
        timeout_s: Time limit per item.
        memory_mb: Limit on the child's resident memory while it works. ``None`` means no limit; without ``/proc`` the
            limit has no effect.
    """

    def __init__(
        self, make: Callable[[], Callable[[Item], Result]], *, timeout_s: float, memory_mb: int | None = None
    ) -> None:
        self._make = make
        self._timeout_s = timeout_s
        self._memory_mb = memory_mb
        self._child: _Child | None = None

    def run(self, item: Item) -> Result:
        """Return the function's result for an item; both must be picklable.

        Raises:
            WorkerFailedError: The child crashed or exceeded a limit. The next item starts a new child.
            Exception: The function, or the factory, raised it. The child's traceback is attached as a note.
        """
        try:
            child = self._child if self._child and _is_alive(self._child) else self._start()
            child.connection.send(item)
            answer = self._receive(child, self._timeout_s)
        except BaseException:
            self._kill()
            raise
        return answer.unwrap()

    def close(self) -> None:
        """Let the child exit. A later :meth:`run` starts another one."""
        if self._child is not None:
            self._child.connection.close()
            self._child.process.join(STOP_TIMEOUT_S)
            self._kill()

    def __enter__(self) -> "IsolatedWorker[Item, Result]":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self._kill()

    def _start(self) -> _Child:
        self._kill()
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        level = logging.getLogger().getEffectiveLevel()
        process = context.Process(target=_serve, args=(self._make, theirs, self._timeout_s, level), daemon=True)
        self._child = _Child(process, ours)
        process.start()
        theirs.close()
        self._receive(self._child, START_TIMEOUT_S).unwrap()
        return self._child

    def _receive(self, child: _Child, timeout_s: float) -> _Answer:
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                if child.connection.poll(POLL_INTERVAL_S):
                    message = child.connection.recv()
                    if isinstance(message, _Answer):
                        return message
                    _handle_record(message)
            except (EOFError, ConnectionResetError):
                raise WorkerFailedError(_exit_reason(child.process)) from None
            if time.monotonic() > deadline:
                raise WorkerFailedError(f"timed out after {timeout_s:g} s")
            if self._memory_mb is not None and (resident_mb := _resident_mb(child.process.pid)) > self._memory_mb:
                raise WorkerFailedError(f"exceeded {self._memory_mb} MB of memory: {resident_mb:.0f} MB")

    def _kill(self) -> None:
        if self._child is None:
            return
        child, self._child = self._child, None
        child.connection.close()
        if child.process.pid is not None:
            child.process.kill()
            child.process.join()
            child.process.close()


def _is_alive(child: _Child) -> bool:
    """Whether an idle child still exists; log records of its threads are handled on the way."""
    try:
        while child.connection.poll():
            _handle_record(child.connection.recv())
    except (EOFError, ConnectionResetError):
        return False
    return True


def _handle_record(record: logging.LogRecord) -> None:
    logger = logging.getLogger(record.name)
    if logger.isEnabledFor(record.levelno):
        logger.handle(record)


def _exit_reason(process: SpawnProcess) -> str:
    process.join(STOP_TIMEOUT_S)
    code = process.exitcode
    if code is None:
        return "stopped responding"
    if code >= 0:
        return f"exited with status {code}"
    hint = " (out of memory?)" if -code == signal.SIGKILL else ""
    return f"crashed with {signal.Signals(-code).name}{hint}"


def _resident_mb(pid: int | None) -> float:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):  # there is no /proc, or the process has just ended
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


# The rest runs in the child process.


class _Channel:
    """The child's end of the pipe, safe to use from several threads."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    def send(self, message: _Answer | logging.LogRecord) -> None:
        with self._lock:
            self._connection.send(message)

    put_nowait = send  # the method that logging.handlers.QueueHandler calls


def _serve(make: Callable[[], Callable], connection: Connection, timeout_s: float, level: int) -> None:
    channel = _Channel(connection)
    _prepare_process()
    _forward_logs(channel, level)
    try:
        function = make()
    except Exception as error:
        channel.send(_Answer(error=_picklable(error)))
        return
    channel.send(_Answer())
    while True:
        try:
            item = connection.recv()
        except (EOFError, ConnectionResetError):
            return
        _process_item(channel, function, item, timeout_s)


def _process_item(channel: _Channel, function: Callable, item: Any, timeout_s: float) -> None:
    # The parent enforces the time limit. SIGALRM ends the child if the parent no longer exists.
    signal.setitimer(signal.ITIMER_REAL, timeout_s + STOP_TIMEOUT_S)
    try:
        channel.send(_Answer(function(item)))
    except Exception as error:
        channel.send(_Answer(error=_picklable(error)))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)


def _prepare_process() -> None:
    """Leave Ctrl-C to the parent, print a stack on a crash, and end with the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    faulthandler.enable()
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    threading.Thread(target=_exit_with_parent, daemon=True).start()


def _exit_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _forward_logs(channel: _Channel, level: int) -> None:
    root = logging.getLogger()
    root.handlers[:] = [logging.handlers.QueueHandler(channel)]  # pyright: ignore[reportArgumentType]
    root.setLevel(level)
    logging.captureWarnings(True)


def _picklable(error: Exception) -> Exception:
    """The exception with its traceback as a note, or a substitute if it cannot be pickled."""
    if isinstance(error, MemoryError):
        return WorkerFailedError(f"ran out of memory {error}".rstrip())
    error.add_note("in the child process:\n" + "".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # the class of the exception may define how it is pickled
        return WorkerFailedError(f"raised {type(error).__name__}: {error}")
    return error
