"""A lock of a killed run is removed; one that may belong to a run is explained."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "stale_lock.py"
SNAKEFILE = 'rule all:\n    output: "done"\n    shell: "touch done"\n'


def call(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, TOOL], cwd=folder, capture_output=True, text=True, check=False)


def start_log(folder: Path, host: str, minutes_ago: float) -> None:
    """The log of a run, named by its start as Snakemake does."""
    name = (datetime.now() - timedelta(minutes=minutes_ago)).isoformat().replace(":", "")
    (folder / f"{name}.snakemake.log").write_text(f"SNAKEMAKE\n=========\n  Host: {host}\n  User: me\n")


@pytest.fixture
def locked(tmp_path: Path) -> Path:
    """A project that a run of this machine has locked a minute ago."""
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    for name in ("locks", "log"):
        (tmp_path / ".snakemake" / name).mkdir(parents=True)
    lock = tmp_path / ".snakemake" / "locks" / "0.output.lock"
    lock.write_text("done\n")
    os.utime(lock, (time.time() - 60, time.time() - 60))
    start_log(tmp_path / ".snakemake" / "log", socket.gethostname(), minutes_ago=2)
    return tmp_path


def has_lock(folder: Path) -> bool:
    return any((folder / ".snakemake" / "locks").glob("*.lock"))


@pytest.fixture
def job(locked: Path) -> Iterator[int]:
    """A job that has outlived Snakemake."""
    script = locked / ".snakemake" / "train.py"
    script.write_text("import time; print(flush=True); time.sleep(60)")
    with subprocess.Popen([sys.executable, script], cwd=locked, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline()
        yield process.pid
        process.kill()


def test_lock_of_a_killed_run_is_removed(locked: Path):
    start_log(locked / ".snakemake" / "log", "elsewhere", minutes_ago=0)  # refused because of the lock
    done = call(locked)
    assert done.returncode == 0
    assert not has_lock(locked)
    assert "killed" in done.stderr


def test_lock_of_a_run_in_progress_is_kept(locked: Path, job: int):
    done = call(locked)
    assert done.returncode == 1
    assert has_lock(locked)
    assert f"kill {job}" in done.stderr


def test_runs_in_other_folders_do_not_count(locked: Path, tmp_path_factory: pytest.TempPathFactory):
    other = tmp_path_factory.mktemp("snakemake")
    (other / "snakemake.py").write_text("import time; print(flush=True); time.sleep(60)")
    with subprocess.Popen([sys.executable, other / "snakemake.py"], cwd=other, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline()
        done = call(locked)
        process.kill()
    assert done.returncode == 0
    assert not has_lock(locked)


@pytest.mark.parametrize("host", ["elsewhere", None])
def test_lock_of_another_machine_is_kept(locked: Path, host: str | None):
    for log in (locked / ".snakemake" / "log").iterdir():
        log.unlink()
    if host is not None:
        start_log(locked / ".snakemake" / "log", host, minutes_ago=2)
    done = call(locked)
    assert done.returncode == 1
    assert has_lock(locked)
    assert "snakemake --unlock" in done.stderr
    assert (host or "unknown") in done.stderr


def test_nothing_happens_without_a_lock(tmp_path: Path):
    done = call(tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []
