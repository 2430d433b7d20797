"""Every stage once, on a handful of models with a few iterations."""

from pathlib import Path

import pandas as pd
import pytest

from tests.workflow.conftest import Snakemake

ABLATIONS = {"base", "triplane", "clip", "triplane_clip", "se3", "clip_bg", "best", "untrained"}
BASELINES = {"sphere", "random_train", "mean_shape"}
TINY = ("--cores", "4", "all", "--configfile", "workflow/presets/tiny.yaml")


@pytest.mark.slow
def test_whole_workflow(project: Path, snakemake: Snakemake):
    run = snakemake(*TINY)
    assert run.returncode == 0, run.stdout[-6000:]

    results = project / "results"
    comparison = pd.read_csv(results / "comparison.csv")
    assert set(comparison["ablation"]) == ABLATIONS | BASELINES
    for ablation in ABLATIONS:
        rows = pd.read_csv(results / ablation / "chamfer.csv")
        assert set(rows["stage"]) == {"coarse", "refined"}
        assert rows["chamfer"].between(0.0, 2.0).all()
        metrics = pd.read_parquet(results / ablation / "seed0" / "metrics.parquet")
        assert metrics["value"].notna().all()
    for name in ("reconstructions", "chamfer_curves", "memory_scaling"):
        assert (results / "figures" / f"{name}.png").stat().st_size > 1000
    assert "comparison" in (results / "comparison.md").read_text().lower()
    assert (results / "report.html").stat().st_size > 10_000
    assert (results / "mlflow.db").is_file()
    assert not list(results.rglob("*.partial"))

    again = snakemake("--dry-run", *TINY)
    assert "Nothing to be done" in again.stdout, again.stdout[-3000:]
