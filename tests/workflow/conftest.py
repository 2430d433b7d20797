"""A copy of the workflow in a temporary folder, and Snakemake running in it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PARTS = ("Snakefile", "config.yaml", "workflow", "envs")

Snakemake = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Copy of the files that a run needs."""
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copyfile
        copy(ROOT / part, tmp_path / part)
    (tmp_path / "profiles").symlink_to("workflow/profiles")
    return tmp_path


@pytest.fixture(scope="session")
def snakemake_server() -> Iterator[subprocess.Popen[str]]:
    """A process that runs Snakemake in forks of itself."""
    program = [sys.executable, str(Path(__file__).with_name("snakemake_server.py"))]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        yield server
        assert server.stdin
        server.stdin.close()


@pytest.fixture
def snakemake(
    project: Path, snakemake_server: subprocess.Popen[str], tmp_path_factory: pytest.TempPathFactory
) -> Snakemake:
    """Run Snakemake in the copy; standard output and error are merged."""
    environment = {name: value for name, value in os.environ.items() if name != "SHELFNET_DATASET"}
    output = tmp_path_factory.mktemp("terminal") / "output"

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        command = {
            "arguments": arguments,
            "folder": str(project),
            "environment": environment | variables,
            "output": str(output),
        }
        assert snakemake_server.stdin and snakemake_server.stdout
        print(json.dumps(command), file=snakemake_server.stdin, flush=True)
        status = int(snakemake_server.stdout.readline())
        return subprocess.CompletedProcess(arguments, status, output.read_text())

    return run
