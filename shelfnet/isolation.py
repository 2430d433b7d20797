"""A function in a process of its own: what crashes it, hangs it or fills its memory does not reach the caller.

Compiled readers, Blender and OpenGL drivers end a process on input that Python cannot catch. One child serves many
items, since starting it costs seconds of imports; it is replaced after a failure.

The memory limit is a watch over the child's resident memory, not ``RLIMIT_AS`` or ``RLIMIT_DATA``: CUDA, Blender and
software OpenGL reserve many times the memory that they touch, so limits on reservations are either useless or fatal to
them, and compiled code that is refused memory crashes without telling why. The price is an overshoot of what can be
touched between two looks (:data:`WATCH_INTERVAL_S`), so the child also offers itself first to the kernel's own killer.
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
from types import TracebackType
from typing import Any, Generic, TypeVar

WATCH_INTERVAL_S = 0.05
"""Time between two looks at a busy child; a result that comes in between is taken at once."""

START_TIMEOUT_S = 600.0
"""For the imports of a child and its factory, which no item is blamed for."""

STOP_TIMEOUT_S = 5.0
"""For an idle child to leave by itself."""

Item = TypeVar("Item")
Result = TypeVar("Result")


class WorkerFailedError(RuntimeError):
    """The child ended, or was ended, before it had a result; the message says why."""


@dataclass(frozen=True)
class _Returned:
    value: Any


@dataclass(frozen=True)
class _Raised:
    error: Exception


@dataclass(frozen=True)
class _Child:
    process: SpawnProcess
    connection: Connection


class IsolatedWorker(Generic[Item, Result]):
    """Calls a function in a child process, one item after the other, within limits of time and memory.

    The child is started by the first :meth:`run` and dies with this process, however that ends. Log records of the
    child go to this process's loggers, its output to the same files. A worker belongs to one thread at a time;
    several of them run side by side in several threads.

    Args:
        make: called once in every child, without arguments, and returns the function; picklable (a function of a
            module, or a ``functools.partial`` of one). What it raises is raised by :meth:`run`.
        timeout_s: longest time for one item.
        memory_mb: most memory that the whole child may hold while it works; no limit where ``None``, nor on systems
            without ``/proc``.
    """

    def __init__(
        self, make: Callable[[], Callable[[Item], Result]], *, timeout_s: float, memory_mb: int | None = None
    ) -> None:
        self._make = make
        self._timeout_s = timeout_s
        self._memory_mb = memory_mb
        self._child: _Child | None = None

    def run(self, item: Item) -> Result:
        """What the function returns for an item; both must be picklable.

        Raises:
            WorkerFailedError: the child crashed, ran past the time, or held too much memory; the next item gets a new
                child.
            Exception: what the function itself raised, with its type and, as a note, its traceback.
        """
        try:
            child = self._child if self._child and _is_listening(self._child) else self._start()
            child.connection.send(item)
            answer = self._wait(child, self._timeout_s)
        except BaseException:
            self._discard()
            raise
        return _unpacked(answer)

    def close(self) -> None:
        """End the child; a later :meth:`run` would start another one."""
        if self._child is not None:
            self._child.connection.close()
            self._child.process.join(STOP_TIMEOUT_S)
            self._discard()

    def __enter__(self) -> "IsolatedWorker[Item, Result]":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._discard()

    def _start(self) -> _Child:
        self._discard()
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        level = logging.getLogger().getEffectiveLevel()
        process = context.Process(target=_serve, args=(self._make, theirs, self._timeout_s, level), daemon=True)
        self._child = _Child(process, ours)
        process.start()
        theirs.close()
        _unpacked(self._wait(self._child, START_TIMEOUT_S))
        return self._child

    def _wait(self, child: _Child, timeout_s: float) -> _Returned | _Raised:
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                if child.connection.poll(WATCH_INTERVAL_S):
                    message = child.connection.recv()
                    if not isinstance(message, logging.LogRecord):
                        return message
                    _relay(message)
            except (EOFError, ConnectionResetError):
                raise WorkerFailedError(_ending(child.process)) from None
            if time.monotonic() > deadline:
                raise WorkerFailedError(f"ran past {timeout_s:g} s")
            self._check_memory(child.process)

    def _check_memory(self, process: SpawnProcess) -> None:
        if self._memory_mb is not None and (held_mb := _resident_mb(process.pid)) > self._memory_mb:
            raise WorkerFailedError(f"held {held_mb:.0f} MB of memory, more than {self._memory_mb} MB")

    def _discard(self) -> None:
        if self._child is None:
            return
        child, self._child = self._child, None
        child.connection.close()
        if child.process.pid is not None:
            child.process.kill()
            child.process.join()
            child.process.close()


def _unpacked(answer: _Returned | _Raised) -> Any:
    if isinstance(answer, _Raised):
        raise answer.error
    return answer.value


def _is_listening(child: _Child) -> bool:
    """Whether an idle child is still there; what its threads logged meanwhile is passed on."""
    try:
        while child.connection.poll():
            _relay(child.connection.recv())
    except (EOFError, ConnectionResetError):
        return False
    return True


def _relay(record: logging.LogRecord) -> None:
    target = logging.getLogger(record.name)
    if target.isEnabledFor(record.levelno):
        target.handle(record)


def _ending(process: SpawnProcess) -> str:
    """How a process ended, in words."""
    process.join(STOP_TIMEOUT_S)
    code = process.exitcode
    if code is None:
        return "stopped answering"
    if code >= 0:
        return f"exited with status {code}"
    hint = " (out of memory?)" if -code == signal.SIGKILL else ""
    return f"crashed with {signal.Signals(-code).name}{hint}"


def _resident_mb(pid: int | None) -> float:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):  # no /proc here, or the process has just ended
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


# Here begins what runs in the child.


class _Channel:
    """The child's end of the pipe, which several of its threads may write to."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    def send(self, message: Any) -> None:
        with self._lock:
            self._connection.send(message)

    def put_nowait(self, record: logging.LogRecord) -> None:
        """What :class:`logging.handlers.QueueHandler` calls."""
        self.send(record)


def _serve(make: Callable[[], Callable], connection: Connection, timeout_s: float, level: int) -> None:
    channel = _Channel(connection)
    _prepare_process()
    _forward_logs(channel, level)
    try:
        function = make()
    except Exception as error:
        channel.send(_Raised(_portable(error)))
        return
    channel.send(_Returned(None))
    while True:
        try:
            item = connection.recv()
        except (EOFError, ConnectionResetError):
            return
        _answer(channel, function, item, timeout_s)


def _answer(channel: _Channel, function: Callable, item: Any, timeout_s: float) -> None:
    # The parent ends what takes too long; the alarm, whose default action kills, does where there is no parent left.
    signal.setitimer(signal.ITIMER_REAL, timeout_s + STOP_TIMEOUT_S)
    try:
        channel.send(_Returned(function(item)))
    except Exception as error:
        channel.send(_Raised(_portable(error)))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)


def _prepare_process() -> None:
    """Ctrl-C is the parent's to answer; a crash tells its stack; nobody outlives the parent or starves others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    faulthandler.enable()
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _forward_logs(channel: _Channel, level: int) -> None:
    root = logging.getLogger()
    root.handlers[:] = [logging.handlers.QueueHandler(channel)]
    root.setLevel(level)
    logging.captureWarnings(True)


def _portable(error: Exception) -> Exception:
    """The error with its traceback as a note, or a stand-in where it cannot be pickled."""
    if isinstance(error, MemoryError):
        return WorkerFailedError(f"ran out of memory {error}".rstrip())
    error.add_note("in the child process:\n" + "".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # pickling runs what the error's own class defines
        return WorkerFailedError(f"raised {type(error).__name__}: {error}")
    return error
