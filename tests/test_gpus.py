"""Requesting and reserving GPUs."""

import multiprocessing
import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shelfnet.gpus import _listed_gpus, requested_gpus, reserve_gpus, visible_gpus

ONE_GPU = "echo 'GPU 0: One (UUID: GPU-1)'"
THREE_GPUS = "; ".join(
    f"echo 'GPU {number}: Kind (with brackets) (UUID: GPU-{name})'" for number, name in enumerate("abc")
)
SLICES = f"{ONE_GPU}; echo '  MIG 1g.10gb Device 0: (UUID: MIG-x)'; echo '  MIG 1g.10gb Device 1: (UUID: MIG-y)'"


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Install an ``nvidia-smi`` that runs a line of shell; until then there is none."""

    def install(line: str) -> None:
        (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\n{line}\n")
        (tmp_path / "nvidia-smi").chmod(0o755)

    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    _listed_gpus.cache_clear()
    yield install
    _listed_gpus.cache_clear()


@pytest.mark.parametrize(
    ("line", "visible", "seen"),
    [
        (None, None, False),
        (ONE_GPU, None, True),
        (ONE_GPU, "0", True),
        (ONE_GPU, "", False),
        (ONE_GPU, "-1", False),
        ("echo 'No devices were found'", None, False),
        ("echo 'NVIDIA-SMI has failed'; exit 9", None, False),
    ],
)
def test_gpu_detection(driver, monkeypatch, line, visible, seen):
    if line is not None:
        driver(line)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert bool(visible_gpus()) == seen


@pytest.mark.parametrize(
    ("device", "on_cluster", "here", "elsewhere"),
    [("cpu", False, 0, 0), ("cpu", True, 0, 0), ("auto", False, 1, 0), ("auto", True, 1, 1), ("cuda", False, 1, 1)],
)
def test_requested_gpus_by_device(driver, device, on_cluster, here, elsewhere):
    assert requested_gpus(device, on_cluster=on_cluster) == elsewhere
    driver(ONE_GPU)
    _listed_gpus.cache_clear()
    assert requested_gpus(device, on_cluster=on_cluster) == here


def taken(count: int) -> str | None:
    """GPUs that a job sees after requesting ``count``."""
    with reserve_gpus(count):
        return os.environ.get("CUDA_VISIBLE_DEVICES")


@pytest.mark.parametrize(
    ("line", "visible", "names"),
    [
        (THREE_GPUS, None, ("GPU-a", "GPU-b", "GPU-c")),
        (THREE_GPUS, "2, 0", ("2", "0")),
        (THREE_GPUS, "1,-1,2", ("1",)),
        (SLICES, None, ("MIG-x", "MIG-y")),
    ],
)
def test_visible_gpus_use_cuda_names(driver, monkeypatch, line, visible, names):
    driver(line)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert visible_gpus() == names


def _hold(count: int, connection) -> None:
    with reserve_gpus(count):
        connection.send(os.environ["CUDA_VISIBLE_DEVICES"])
        connection.recv()


@pytest.fixture
def start_job(driver) -> Iterator[Callable[[int], tuple[str, multiprocessing.Process]]]:
    """Start processes that reserve some of three GPUs until they are killed."""
    driver(THREE_GPUS)
    jobs = []

    def start(count: int):
        ours, its = multiprocessing.get_context("fork").Pipe()
        job = multiprocessing.get_context("fork").Process(target=_hold, args=(count, its))
        job.start()
        jobs.append((job, ours))
        return ours.recv(), job

    yield start
    for job, _ in jobs:
        job.kill()
        job.join()


def test_processes_hold_different_gpus_until_they_end(start_job):
    first, job = start_job(1)
    second, _ = start_job(1)
    assert (first, second, taken(1)) == ("GPU-a", "GPU-b", "GPU-c")
    os.kill(job.pid, signal.SIGKILL)
    job.join()
    assert taken(1) == "GPU-a"


def test_too_few_free_gpus_are_shared_with_a_warning(start_job, caplog):
    start_job(2)
    assert taken(2) == "GPU-c,GPU-a"
    assert "1 of 2 GPUs are free: sharing GPU-a with another job" in caplog.text


@pytest.mark.parametrize("count", [0, 3, 4])
def test_no_choice_changes_nothing(driver, monkeypatch, count):
    driver(THREE_GPUS)
    assert taken(count) is None
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,2")
    assert taken(2) == "1,2"


def test_earlier_choice_is_respected_and_restored(driver, monkeypatch):
    driver(THREE_GPUS)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,1")
    assert taken(1) == "2"
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "2,1"
