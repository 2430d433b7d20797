"""The render benchmark runs from the command line and prints its table."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "render.py"
SMALL = ("--models", "1", "--views", "2", "--resolution-px", "16", "--samples", "1", "--jobs", "1")
ROW = re.compile(r"^\| `(\w+)` \| ([\d.]+) \| ([\d.]+) \| (\d+) \| (\d+) \| (\d+) \|$", re.MULTILINE)


def test_table_is_consistent():
    command = [sys.executable, SCRIPT, *SMALL, "--methods", "plain", "pyrender", "ours"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stderr
    rows = {method: list(map(float, numbers)) for method, *numbers in ROW.findall(run.stdout)}
    assert list(rows) == ["plain", "pyrender", "ours"]
    for views_per_s, ratio, cpu_ms, peak_mb, bytes_per_view in rows.values():
        assert ratio == pytest.approx(views_per_s / rows["plain"][0], rel=0.02)
        busy_cores = views_per_s * cpu_ms / 1000
        assert 0.01 < busy_cores < 1.1 * os.cpu_count()
        assert 50 < peak_mb < 10_000
        assert 50 < bytes_per_view < 50_000
