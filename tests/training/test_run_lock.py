"""Two trainings never share a run folder."""

import os
import signal
import subprocess
import sys
import time

import pytest

from shelfnet.training import run_lock
from shelfnet.training.run_lock import HOLDER, hold_run_folder

HOLD = """
import sys, time
from pathlib import Path
from shelfnet.training.run_lock import hold_run_folder
with hold_run_folder(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


@pytest.fixture
def holder(tmp_path):
    """Start a process that holds the lock for some seconds."""
    started = []

    def start(seconds):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(tmp_path / "run"), str(seconds)], stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture(autouse=True)
def poll_often(monkeypatch):
    monkeypatch.setattr(run_lock, "POLL_S", 0.02)


def test_free_folder_is_held_at_once(tmp_path, caplog):
    with hold_run_folder(tmp_path / "run") as waited:
        assert not waited
        assert (tmp_path / "run" / HOLDER).read_text().startswith(f"process {os.getpid()} on ")
    assert not (tmp_path / "run" / HOLDER).exists() and not caplog.messages


def test_a_living_holder_is_waited_for_and_named(tmp_path, holder, caplog):
    process = holder(1.0)
    with hold_run_folder(tmp_path / "run") as waited:
        assert waited
        assert process.wait(5) == 0
    assert f"process {process.pid} on " in caplog.text


def test_a_killed_holder_does_not_block(tmp_path, holder):
    process = holder(60.0)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    started = time.monotonic()
    with hold_run_folder(tmp_path / "run") as waited:
        assert not waited
    assert time.monotonic() - started < 5.0


def test_slurm_job_is_part_of_the_holder(tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    with hold_run_folder(tmp_path / "run"):
        assert (tmp_path / "run" / HOLDER).read_text().endswith("Slurm job 4711")
