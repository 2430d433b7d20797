import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

BLOCKED = """
import runpy, sys
sys.modules.update(dict.fromkeys(("bpy", "pyrender", "snakemake", "mlflow", "trimesh", "open_clip")))
sys.path.insert(0, "benchmarks")  # as for a program of that folder
runpy.run_path("benchmarks/train_step.py", run_name="__main__")
"""


@pytest.mark.slow
def test_benchmark_runs_without_packages_of_other_stages(tmp_path):
    arguments = ["--compile", "networks", "--ablations", "base", "clip", "--seconds", "0.5", "--batch-size", "2"]
    rows = tmp_path / "rows.json"
    program = [sys.executable, "-c", BLOCKED, *arguments, "--json", str(rows)]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "clip: left out" in done.stderr and "| base" in done.stdout.splitlines()[-2]
    assert {row["path"] for row in json.loads(rows.read_text())["rows"]} == {"eager", "fast"}
