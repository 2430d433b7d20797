"""Finding CPython 3.11, or saying how to get it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SETUP = Path(__file__).parents[2] / "tools" / "setup.sh"
NEEDED = ("bash", "awk", "cat", "cut", "dirname", "du", "head", "id", "ls", "grep", "env")


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    """A folder to be the whole PATH: the shell's tools and no Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in NEEDED:
        (folder / name).symlink_to(str(shutil.which(name)))
    return folder


def command(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def call(function: str, *path: Path, setup: Path = SETUP, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.pathsep.join(map(str, path)), "HOME": str(path[0]), **variables}
    script = f"source {setup} && {function}"
    return subprocess.run(
        [str(shutil.which("bash")), "-c", script], env=environment, capture_output=True, text=True, check=False
    )


def test_a_shim_that_stands_for_nothing_is_passed_over(tmp_path: Path, commands: Path):
    command(commands, "python3.11", "echo 'pyenv: version 3.11 is not installed' >&2; exit 127")
    command(commands, "python3", "exit 1")
    later = tmp_path / "later"
    later.mkdir()
    good = command(later, "python3", f'exec {sys.executable} "$@"')
    assert call("find_python", commands, later).stdout.strip() == str(good)


def test_a_version_of_pyenv_is_found(tmp_path: Path, commands: Path):
    folder = tmp_path / "pyenv" / "versions" / "3.11.7" / "bin"
    folder.mkdir(parents=True)
    good = command(folder, "python3.11", f'exec {sys.executable} "$@"')
    found = call("find_python", commands, PYENV_ROOT=str(tmp_path / "pyenv"))
    assert found.stdout.strip() == str(good)


def test_the_variable_goes_first(tmp_path: Path, commands: Path):
    command(commands, "python3.11", f'exec {sys.executable} "$@"')
    named = command(tmp_path, "mine", f'exec {sys.executable} "$@"')
    assert call("find_python", commands, PYTHON=str(named)).stdout.strip() == str(named)


def test_without_any_python_the_message_says_what_to_type(commands: Path):
    done = call("python_or_explain", commands, CI="false")
    assert done.returncode != 0
    assert done.stdout == ""
    for line in ("apt-get install python3.11", "dnf install python3.11", "uv python install 3.11", "PYTHON="):
        assert line in done.stderr


@pytest.mark.parametrize(("free", "refused"), [(100_000, False), (0, True)])
def test_a_full_disk_is_told_before_pip_fills_it(tmp_path: Path, commands: Path, free: int, refused: bool):
    (tmp_path / "project" / "tools").mkdir(parents=True)
    copied = shutil.copy(SETUP, tmp_path / "project" / "tools")
    command(commands, "df", f"echo Filesystem 1048576-blocks Used Available; echo /dev/sda 9 9 {free} 1% /")
    done = call("check_space", commands, setup=Path(copied))
    assert (done.returncode != 0) == refused
    assert ("need 7700 MB more" in done.stderr and "0 MB are free" in done.stderr) == refused
