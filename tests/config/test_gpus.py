"""Jobs ask for a GPU where they will use one."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shelfnet.config.gpus import gpu_is_seen, gpus_for

ONE_GPU = "echo 'GPU 0: One (UUID: GPU-1)'"


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """A machine whose ``nvidia-smi`` runs a line of shell, or that has none."""

    def install(line: str) -> None:
        (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\n{line}\n")
        (tmp_path / "nvidia-smi").chmod(0o755)

    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    gpu_is_seen.cache_clear()
    yield install
    gpu_is_seen.cache_clear()


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
def test_the_driver_says_whether_there_is_a_gpu(driver, monkeypatch, line, visible, seen):
    if line is not None:
        driver(line)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpu_is_seen() == seen


@pytest.mark.parametrize(
    ("device", "on_cluster", "here", "elsewhere"),
    [("cpu", False, 0, 0), ("cpu", True, 0, 0), ("auto", False, 1, 0), ("auto", True, 1, 1), ("cuda", False, 1, 1)],
)
def test_auto_asks_where_it_would_take_one(driver, device, on_cluster, here, elsewhere):
    assert gpus_for(device, on_cluster=on_cluster) == elsewhere
    driver(ONE_GPU)
    gpu_is_seen.cache_clear()
    assert gpus_for(device, on_cluster=on_cluster) == here
