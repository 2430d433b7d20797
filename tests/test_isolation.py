"""Functions that crash, hang, exhaust memory or raise in a child process."""

import ctypes
import functools
import logging
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

from shelfnet.data.obj.reader import ModelError
from shelfnet.isolation import IsolatedWorker, WorkerFailedError

ROOT = Path(__file__).parents[1]
TIMEOUT_S = 20.0


class UnpicklableError(Exception):
    def __init__(self, first, second):
        super().__init__("both")


def answer(item):
    """Misbehave in the way that the item names."""
    match item if isinstance(item, str) else None:
        case "pid":
            return os.getpid()
        case "segfault":
            return ctypes.string_at(0)
        case "exit":
            sys.exit(3)
        case "loop":
            while True:
                pass
        case "balloon":
            return len([np.ones(2**21) for _ in range(1000)])
        case "no memory":
            raise MemoryError
        case "refuse":
            raise ModelError("no faces")
        case "unpicklable error":
            raise UnpicklableError(1, 2)
        case "unpicklable result":
            return lambda: None
        case "log":
            logging.getLogger("shelfnet.child").warning("about %s", item)
            logging.getLogger("shelfnet.child").debug("too much detail")
            warnings.warn("an old habit", stacklevel=1)
            return item
    return item


def make(refusal: str | None = None):
    if refusal:
        raise ModelError(refusal)
    return answer


@pytest.fixture(scope="module")
def worker():
    with IsolatedWorker(make, timeout_s=TIMEOUT_S, memory_mb=400) as worker:
        yield worker


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")")[1].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition, timeout_s=10.0) -> bool:
    deadline = time.monotonic() + timeout_s
    while not (done := condition()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return done


def test_child_is_reused(worker):
    pids = {worker.run("pid") for _ in range(3)}
    assert len(pids) == 1
    assert pids != {os.getpid()}
    pixels = np.arange(1 << 20, dtype=np.uint8)
    np.testing.assert_array_equal(worker.run(pixels), pixels)


@pytest.mark.parametrize(("item", "message"), [("segfault", "crashed with SIGSEGV"), ("exit", "exited with status 3")])
def test_crash_fails_only_its_item(worker, item, message):
    before = worker.run("pid")
    with pytest.raises(WorkerFailedError, match=message):
        worker.run(item)
    assert not alive(before)
    assert worker.run("pid") != before


def test_timeout_fails_only_its_item():
    with IsolatedWorker(make, timeout_s=0.5) as worker:
        pid = worker.run("pid")
        started = time.monotonic()
        with pytest.raises(WorkerFailedError, match=r"0\.5 s"):
            worker.run("loop")
        assert time.monotonic() - started < 5.0
        assert not alive(pid)
        assert worker.run(1) == 1


def test_memory_limit(worker):
    pid = worker.run("pid")
    with pytest.raises(WorkerFailedError, match=r"400 MB"):
        worker.run("balloon")
    assert not alive(pid)
    with pytest.raises(WorkerFailedError, match="ran out of memory"):
        worker.run("no memory")


def test_exceptions_are_passed_on(worker):
    pid = worker.run("pid")
    with pytest.raises(ModelError, match="no faces") as caught:
        worker.run("refuse")
    assert str(caught.value) == "no faces"
    assert "in answer" in caught.value.__notes__[0]
    with pytest.raises(WorkerFailedError, match="UnpicklableError: both"):
        worker.run("unpicklable error")
    with pytest.raises((AttributeError, TypeError), match="pickle"):
        worker.run("unpicklable result")
    assert worker.run("pid") == pid


def test_exception_of_the_factory_is_passed_on():
    with IsolatedWorker(functools.partial(make, "no such device"), timeout_s=1.0) as worker:
        for _ in range(2):
            with pytest.raises(ModelError, match="no such device"):
                worker.run(0)


def test_log_records_are_passed_on(worker, caplog):
    assert worker.run("log") == "log"
    assert ("shelfnet.child", logging.WARNING, "about log") in caplog.record_tuples
    assert "too much detail" not in caplog.text
    assert "an old habit" in caplog.text


def test_dead_idle_child_is_replaced(worker):
    pid = worker.run("pid")
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert worker.run(5) == 5


def test_child_ignores_interrupts_and_ends_on_close():
    worker = IsolatedWorker(make, timeout_s=TIMEOUT_S)
    pid = worker.run("pid")
    os.kill(pid, signal.SIGINT)
    assert worker.run("pid") == pid
    worker.close()
    assert not alive(pid)
    worker.close()


def test_child_survives_the_thread_that_started_it():
    with IsolatedWorker(make, timeout_s=TIMEOUT_S) as worker:
        pids = []
        thread = threading.Thread(target=lambda: pids.append(worker.run("pid")))
        thread.start()
        thread.join()
        assert worker.run("pid") == pids[0]


@pytest.mark.parametrize("busy", [False, True])
def test_child_ends_with_killed_parent(tmp_path, busy):
    script = tmp_path / "parent.py"
    script.write_text(
        textwrap.dedent(f"""
        import sys
        sys.path[:0] = [{str(ROOT)!r}]
        from shelfnet.isolation import IsolatedWorker
        from tests.test_isolation import make
        if __name__ == "__main__":
            worker = IsolatedWorker(make, timeout_s=60.0)
            print(worker.run("pid"), flush=True)
            worker.run("loop") if {busy} else sys.stdin.read()
        """)
    )
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as parent:
        pid = int(parent.stdout.readline())
        assert alive(pid)
        parent.kill()
    assert wait_until(lambda: not alive(pid))
