"""setup.sh finds CPython 3.11 or explains how to get it, and installs a browser where it may."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SETUP = Path(__file__).parents[2] / "tools" / "setup.sh"
NEEDED = ("bash", "awk", "cat", "cut", "dirname", "du", "head", "id", "ls", "grep", "env")


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    """A folder used as the whole PATH: the shell's tools but no Python."""
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


def test_broken_pyenv_shim_is_skipped(tmp_path: Path, commands: Path):
    command(commands, "python3.11", "echo 'pyenv: version 3.11 is not installed' >&2; exit 127")
    command(commands, "python3", "exit 1")
    later = tmp_path / "later"
    later.mkdir()
    good = command(later, "python3", f'exec {sys.executable} "$@"')
    assert call("find_python", commands, later).stdout.strip() == str(good)


def test_pyenv_version_is_found(tmp_path: Path, commands: Path):
    folder = tmp_path / "pyenv" / "versions" / "3.11.7" / "bin"
    folder.mkdir(parents=True)
    good = command(folder, "python3.11", f'exec {sys.executable} "$@"')
    found = call("find_python", commands, PYENV_ROOT=str(tmp_path / "pyenv"))
    assert found.stdout.strip() == str(good)


def test_python_variable_takes_precedence(tmp_path: Path, commands: Path):
    command(commands, "python3.11", f'exec {sys.executable} "$@"')
    named = command(tmp_path, "mine", f'exec {sys.executable} "$@"')
    assert call("find_python", commands, PYTHON=str(named)).stdout.strip() == str(named)


def test_missing_python_prints_install_commands(commands: Path):
    done = call("python_or_explain", commands, CI="false")
    assert done.returncode != 0
    assert done.stdout == ""
    for line in ("apt-get install python3.11", "dnf install python3.11", "uv python install 3.11", "PYTHON="):
        assert line in done.stderr


@pytest.mark.parametrize(("free", "refused"), [(100_000, False), (0, True)])
def test_full_disk_is_reported_before_installing(tmp_path: Path, commands: Path, free: int, refused: bool):
    (tmp_path / "project" / "tools").mkdir(parents=True)
    copied = shutil.copy(SETUP, tmp_path / "project" / "tools")
    command(commands, "df", f"echo Filesystem 1048576-blocks Used Available; echo /dev/sda 9 9 {free} 1% /")
    done = call("check_space", commands, setup=Path(copied))
    assert (done.returncode != 0) == refused
    assert ("need 7800 MB more" in done.stderr and "only 0 MB are free" in done.stderr) == refused


@pytest.mark.parametrize(("status", "by_pip"), [(0, False), (2, True)])
def test_packages_are_installed_with_uv_or_else_with_pip(tmp_path: Path, commands: Path, status: int, by_pip: bool):
    project = tmp_path / "project"
    (project / "tools").mkdir(parents=True)
    copied = shutil.copy(SETUP, project / "tools")
    (project / "pyproject.toml").touch()
    (project / "requirements.lock").write_text(
        "one==1 \\\n    --hash=a\nuv==2 \\\n    --hash=b\nuvloop==3 \\\n    --hash=c\n"
    )
    (project / ".venv" / "bin").mkdir(parents=True)
    log = f'echo "$(basename "$0") $@" >> {tmp_path}/calls'
    command(
        project / ".venv" / "bin",
        "python",
        f'{log}; for last; do :; done; case "$last" in /dev/fd*) cat "$last";; esac',
    )
    command(project / ".venv" / "bin", "uv", f"{log}; exit {status}")
    for name in ("basename", "sha256sum", "rm"):
        (commands / name).symlink_to(str(shutil.which(name)))
    command(commands, "df", "echo Filesystem 1048576-blocks Used Available; echo /dev/sda 9 9 100000 1% /")
    done = call(
        f"cd {project} && install_packages", commands, setup=Path(copied), PIP_INDEX_URL="https://mirror.example/simple"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["uv==2 \\", "    --hash=b"]
    calls = [line for line in (tmp_path / "calls").read_text().splitlines() if "requirements.lock" in line]
    assert [line.split()[0] for line in calls] == (["uv", "python"] if by_pip else ["uv"])
    assert all("--require-hashes" in line for line in calls)
    assert "--default-index https://mirror.example/simple" in calls[0]
    assert ("installing with pip" in done.stderr) == by_pip
    assert (project / ".venv" / ".installed").exists()


@pytest.mark.parametrize(
    ("ci", "present", "installed"), [("true", False, True), ("true", True, False), ("false", False, False)]
)
def test_browser_is_installed_in_ci_as_root(commands: Path, ci: str, present: bool, installed: bool):
    (commands / "id").unlink()
    command(commands, "id", "echo 0")
    command(commands, "apt-get", 'echo "$@" >&2')
    if present:
        command(commands, "google-chrome", "exit 0")
    done = call("install_browser", commands, CI=ci)
    assert done.returncode == 0
    assert ("installing chromium" in done.stderr) == installed


@pytest.mark.parametrize(
    ("path", "refused"),
    [
        ("/home/me/shelfnet", False),
        ("/home/josé/shelf-net_2.0+x", False),
        ("/home/me/my project", True),
        ("/Users/me/it's mine", True),
        ("/home/me/a$b", True),
        ("/home/me/(copy)", True),
        ("/home/me/a&b", True),
    ],
)
def test_path_that_the_shell_would_split_is_refused_before_installing(commands: Path, path: str, refused: bool):
    done = call(f"check_path {shlex.quote(path)}", commands)
    assert (done.returncode != 0) == refused
    assert (path in done.stderr) == refused
    assert ("mv " in done.stderr) == refused
