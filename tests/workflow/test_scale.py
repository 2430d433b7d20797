"""Planning time for all of 3D-FUTURE; the number of jobs depends on shards, ablations and seeds, not on models."""

import resource
import subprocess
import sys
from pathlib import Path

from tests.workflow.test_dag import ABLATIONS, jobs

SHARDS, SEEDS, PARTS = 64, 5, 4
"""Values of the presets ``3d_future`` (10 000 models) and ``paper``."""

PLANNING_LIMIT_S = 10.0
"""CPU time, which depends little on the machine's load; an idle core needs 3.4 s."""

PROGRAM = [sys.executable, "-m", "snakemake", "--dry-run", "--quiet", "rules", "--cores", "2", "all", "--config"]


def test_planning_ten_thousand_models_is_fast(project: Path):
    overlay = (f'render={{"shards": {SHARDS}}}', f'reconstruct={{"parts": {PARTS}}}', f"seeds={list(range(SEEDS))}")
    before = _cpu_s()
    run = subprocess.run(
        [*PROGRAM, *overlay], cwd=project, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    seconds = _cpu_s() - before
    counts = jobs(run)
    trained = ABLATIONS * SEEDS + 1
    assert counts["render_views"] == counts["sample_surfaces"] == SHARDS
    assert (counts["train"], counts["refine"]) == (trained, trained * PARTS)
    print(f"{counts['total']} jobs planned in {seconds:.1f} s")
    assert seconds < PLANNING_LIMIT_S


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
