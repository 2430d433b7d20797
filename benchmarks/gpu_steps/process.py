"""A step in a process of its own, forked from one that has imported torch but not touched the GPU."""

import contextlib
import importlib
import logging
import multiprocessing
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

from gpu_steps.task import Recorder, Task

PRELOADED = ("machine", "iteration_speed", "losses", "functions", "training")
"""Modules that are imported before the first fork: together they import everything that takes long."""

FORK = multiprocessing.get_context("fork")


class WarningCollector(logging.Handler):
    """Records every warning once; compilation that falls back to eager networks says so in one."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__(logging.WARNING)
        self.recorder = recorder

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the first line of the message."""
        message = f"{record.name}: {record.getMessage()}".strip().splitlines()[0][:300]
        if message not in self.recorder.values.get("warnings", []):
            self.recorder.append("warnings", message)


def preload(scratch: Path, *, rehearse: bool) -> None:
    """Import what the steps need, so that they do not spend their time on it. A step reports what it cannot import."""
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(scratch / "inductor"))
    os.environ.setdefault("TRITON_CACHE_DIR", str(scratch / "triton"))
    if rehearse:
        os.environ["TRITON_INTERPRET"] = "1"
    for name in PRELOADED:
        with contextlib.suppress(Exception):
            importlib.import_module(f"gpu_steps.{name}")


def run_in_process(task: Task, log: Path) -> str:
    """``passed``, ``failed`` or ``timed out``; processes that the step started are ended with it.

    Args:
        task: Step and its time.
        log: File for all that it prints.
    """
    process = FORK.Process(target=_run, args=(task, log))
    process.start()
    try:
        process.join(task.seconds)
        status = "timed out" if process.is_alive() else "passed" if process.exitcode == 0 else "failed"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid or 0, signal.SIGKILL)
        process.kill()
        process.join()
    return status


def _run(task: Task, log: Path) -> None:
    """Body of the process: the leader of a group, whose output goes to the log."""
    os.setsid()
    with log.open("w") as stream:
        for descriptor in (1, 2):
            os.dup2(stream.fileno(), descriptor)
    try:
        failed = run_task(task)
        status = 1 if failed else 0
        print(f"failed: {', '.join(failed)}" if failed else "passed")
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    os._exit(status)  # threads of libraries must not keep the process


def run_task(task: Task) -> list[str]:
    """Run a step here; returns the names of the checks that failed."""
    recorder = Recorder(Path(task.results), task.seconds)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s", force=True)
    logging.getLogger().addHandler(WarningCollector(recorder))
    if task.rehearse:
        _trace_without_compiling(once=task.step == "acceleration")
    importlib.import_module(f"gpu_steps.{task.step}").run(task, recorder)
    return [check["name"] for check in recorder.values.get("checks", []) if not check["passed"]]


def _trace_without_compiling(*, once: bool) -> None:
    """Let Python run the traced graphs of compiled networks, or leave networks as they are.

    The compiler for CPUs would take minutes, and what it makes says nothing of a GPU.

    Args:
        once: Whether this is the step whose networks are traced.
    """
    import torch

    compile_module = torch.nn.Module.compile

    def trace(network: torch.nn.Module, **options: Any) -> None:
        if once:
            compile_module(network, **{**options, "backend": "eager"})

    torch.nn.Module.compile = trace
