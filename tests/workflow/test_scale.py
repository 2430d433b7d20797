"""Planning a run over the whole of 3D-FUTURE: the number of jobs follows shards, ablations and seeds, never models."""

import resource

from tests.workflow.conftest import Snakemake
from tests.workflow.test_dag import ABLATIONS, jobs

SHARDS, SEEDS, PARTS = 64, 5, 4
"""Those of the preset for the released data (10 000 models) and of the paper's preset."""

PLANNING_LIMIT_S = 10.0
"""Of processor time, which a busy machine stretches least; a quiet core plans in 3.4 s."""


def test_planning_ten_thousand_models_is_fast(snakemake: Snakemake):
    overlay = (f'render={{"shards": {SHARDS}}}', f'reconstruct={{"parts": {PARTS}}}', f"seeds={list(range(SEEDS))}")
    before = _cpu_s()
    run = snakemake("--dry-run", "--quiet", "rules", "--cores", "2", "all", "--config", *overlay)
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
