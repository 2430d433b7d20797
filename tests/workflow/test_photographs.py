"""The workflow on a folder of photographs, without true shapes."""

from pathlib import Path

import pandas as pd
import pytest
import yaml
from photo_collection import write_photographs

from tests.workflow.conftest import Snakemake
from tests.workflow.test_dag import jobs

OVERLAYS = ("--configfile", "workflow/presets/photos.yaml", "workflow/presets/tiny.yaml")
ABLATIONS = {"clip", "untrained"}


def test_photographs_replace_rendering(project: Path, snakemake: Snakemake):
    photos = ("--configfile", "workflow/presets/photos.yaml")
    counts = jobs(snakemake("--dry-run", "all", *photos, SHELFNET_DATASET=str(project)))
    assert counts["stage_photographs"] == counts["catalogue_photographs"] == counts["evaluate_sphere"] == 1
    assert counts["crop_photographs"] == 2
    assert counts["evaluate_silhouettes"] == counts["train"]
    with_truth = {"stage_dataset", "build_catalogue", "sample_surfaces", "render_views", "evaluate"}
    assert not with_truth & counts.keys()


@pytest.mark.slow
def test_whole_workflow_on_photographs(project: Path, snakemake: Snakemake):
    write_photographs(project / "photographs", 24)
    (project / "photographs" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    # Overlays can only add ablations, so the default's are reduced here.
    config = yaml.safe_load((project / "config.yaml").read_text())
    config["ablations"] = {"clip": {"losses": {"clip": 1.0}}}
    (project / "config.yaml").write_text(yaml.safe_dump(config))
    run = snakemake("--cores", "4", "all", *OVERLAYS)
    assert run.returncode == 0, run.stdout[-6000:]

    results = project / "results"
    quarantined = pd.concat([pd.read_csv(path) for path in (results / "renders").glob("quarantine-*.csv")])
    assert quarantined["path"].tolist() == ["broken.png"]
    for ablation in ABLATIONS:
        rows = pd.read_csv(results / ablation / "chamfer.csv")
        assert rows["chamfer"].isna().all()
        mask_iou = rows.pivot(index=["model_id", "view"], columns="stage", values="mask_iou")
        assert (mask_iou["refined"] >= mask_iou["coarse"]).all()
        assert mask_iou["refined"].max() > 0.0
        metrics = pd.read_parquet(results / ablation / "seed0" / "metrics.parquet")
        assert metrics["value"].notna().all()
        assert "validation/mask_iou" in set(metrics["name"])
    comparison = pd.read_csv(results / "comparison.csv")
    assert set(comparison["ablation"]) == ABLATIONS | {"sphere"}
    assert comparison["mean"].isna().all()
    for text in ("comparison.md", "report.html"):
        assert "This data set has no true shapes" in (results / text).read_text()
    for name in ("reconstructions", "chamfer_curves", "memory_scaling"):
        assert (results / "figures" / f"{name}.png").stat().st_size > 1000
    assert not list(results.rglob("*.partial"))

    again = snakemake("--dry-run", "all", *OVERLAYS)
    assert "Nothing to be done" in again.stdout, again.stdout[-3000:]
