"""The benchmark of refinement runs from the command line and ends with its row."""

import re
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "refine.py"
SMALL = ("--batch", "2", "--faces", "80", "--pixels", "16", "--steps", "3", "--repeats", "3")


def test_the_row_holds_the_median_between_the_extremes():
    run = subprocess.run([sys.executable, SCRIPT, *SMALL], capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stderr
    row = re.search(
        r"^\| 2 x 80, 16 \| own \| CPU, 1 thread\(s\) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \| (\d+) \|$",
        run.stdout,
        re.M,
    )
    assert row, run.stdout
    median, slowest, fastest, peak_mib = map(float, row.groups())
    assert 0 < slowest <= median <= fastest and peak_mib > 50
