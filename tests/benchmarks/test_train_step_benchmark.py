import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

PROGRAM = """
import runpy, sys
sys.modules.update(dict.fromkeys(("bpy", "pyrender", "snakemake", "mlflow", "trimesh", "open_clip")))
sys.path.insert(0, "benchmarks")  # as for a program of that folder

import torch

compiled, compile_module = [], torch.nn.Module.compile

def trace(network, **options):
    compiled.append(network)
    compile_module(network, **options, backend="eager")  # what torch makes of the graphs would take minutes

torch.nn.Module.compile = trace
runpy.run_path("benchmarks/train_step.py", run_name="__main__")
assert compiled
"""


def test_benchmark_runs_without_packages_of_other_stages(tmp_path):
    arguments = ["--compile", "networks", "--ablations", "base", "clip", "--seconds", "0.1", "--batch-size", "2"]
    arguments += ["--settings", "workflow/presets/tiny.yaml"]
    rows = tmp_path / "rows.json"
    program = [sys.executable, "-c", PROGRAM, *arguments, "--json", str(rows)]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "clip: left out" in done.stderr and "| base" in done.stdout.splitlines()[-2]
    assert {row["path"] for row in json.loads(rows.read_text())["rows"]} == {"eager", "fast"}
