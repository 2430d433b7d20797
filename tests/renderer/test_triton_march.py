"""The kernels of the Triton march pass their cases in the interpreter, and compile for a GPU that is not there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("triton")

FOLDER = Path(__file__).parent
N_CASES = 12


def run(*program: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, *program],
        cwd=FOLDER.parents[1],
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_all_cases_pass_in_the_interpreter():
    cases = str(FOLDER / "triton_march_cases.py")
    shown = run("-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", cases, TRITON_INTERPRET="1")
    passed = re.search(r"^(\d+) passed", shown, re.M)
    assert passed and int(passed[1]) >= N_CASES, shown
