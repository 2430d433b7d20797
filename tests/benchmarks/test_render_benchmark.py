"""The comparison of renderers runs from the command line and ends with its table."""

import re
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "render.py"
SMALL = ("--models", "1", "--views", "2", "--resolution-px", "16", "--samples", "1", "--jobs", "1")


def test_the_table_has_a_row_for_every_method_with_true_numbers():
    command = [sys.executable, SCRIPT, *SMALL, "--methods", "plain", "pyrender", "ours"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stderr
    rows = re.findall(r"^\| `(\w+)` \| ([\d.]+) \| [\d.]+ \| (\d+) \| (\d+) \| (\d+) \|$", run.stdout, re.MULTILINE)
    assert [row[0] for row in rows] == ["plain", "pyrender", "ours"]
    for _, *numbers in rows:
        views_per_s, cpu_ms, peak_mb, bytes_per_view = map(float, numbers)
        assert cpu_ms > 1 and peak_mb > 50 and 50 < bytes_per_view < 50_000
        assert views_per_s >= 0
