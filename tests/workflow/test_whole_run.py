"""All stages on a few models with a few iterations."""

from pathlib import Path

import pandas as pd
import pytest
import yaml

from tests.workflow.conftest import Snakemake

ABLATIONS = {"base", "triplane_clip", "se3", "base_scratch", "untrained"}
LEFT_OUT = {"triplane", "clip", "clip_bg", "best"}
"""``triplane_clip`` switches on what the first two do; ``test_second_device.py`` trains with all of the others."""
EMPTY = "base_scratch"
"""The test sets its surface level above all occupancies after three iterations."""
BASELINES = {"sphere", "random_train", "mean_shape"}
TINY = ("--cores", "4", "all", "--configfile", "workflow/presets/tiny.yaml")


@pytest.mark.slow
def test_whole_workflow(project: Path, snakemake: Snakemake):
    # Overlays can only add ablations.
    config = yaml.safe_load((project / "config.yaml").read_text())
    config["ablations"] = {name: each for name, each in config["ablations"].items() if name not in LEFT_OUT}
    config["ablations"][EMPTY]["reconstruct"] = {"level": 0.3}
    (project / "config.yaml").write_text(yaml.safe_dump(config))
    run = snakemake(*TINY)
    assert run.returncode == 0, run.stdout[-6000:]

    results = project / "results"
    comparison = pd.read_csv(results / "comparison.csv")
    assert set(comparison["ablation"]) == ABLATIONS | BASELINES
    views = pd.concat(
        [pd.read_parquet(path, columns=["model_id", "split"]) for path in results.glob("renders/*.parquet")]
    )
    test_models = sorted(set(views.loc[views["split"] == "test", "model_id"]))
    for ablation in ABLATIONS:
        rows = pd.read_csv(results / ablation / "chamfer.csv")
        mask_iou = rows.pivot(index="model_id", columns="stage", values="mask_iou")
        assert mask_iou.index.tolist() == test_models
        assert (mask_iou["refined"] >= mask_iou["coarse"]).all()
        if ablation == EMPTY:
            assert set(rows["status"]) == {"empty"} and rows["chamfer"].between(1.732, 1.733).all()
        else:
            assert set(rows["status"]) == {"ok"} and rows["chamfer"].between(0.05, 0.5).all()
        metrics = pd.read_parquet(results / ablation / "seed0" / "metrics.parquet")
        assert metrics["value"].notna().all()
    for name in ("reconstructions", "chamfer_curves", "memory_scaling"):
        assert (results / "figures" / f"{name}.png").stat().st_size > 1000
    table, page = ((results / name).read_text() for name in ("comparison.md", "report.html"))
    for method in ABLATIONS | BASELINES:
        assert f"| `{method}` |" in table
        assert method in page
    assert (results / "mlflow.db").is_file()
    assert len(pd.read_parquet(results / "views" / "views.parquet")) == (views["split"] == "train").sum()
    assert (results / "views" / "discovery.png").stat().st_size > 1000
    assert not list(results.rglob("*.partial"))

    again = snakemake("--dry-run", *TINY)
    assert "Nothing to be done" in again.stdout, again.stdout[-3000:]
