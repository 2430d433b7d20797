"""Jobs that a target needs, by dry runs."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.workflow.conftest import Snakemake

ABLATIONS = 8


def jobs(run: subprocess.CompletedProcess[str]) -> dict[str, int]:
    """Number of jobs per rule, from the first table of a dry run."""
    assert run.returncode == 0, run.stdout
    rows = re.findall(r"^(\w+) +(\d+)$", run.stdout.split("Job stats:")[1], re.MULTILINE)
    return {rule: int(count) for rule, count in rows}


def test_default_builds_every_ablation(snakemake: Snakemake):
    counts = jobs(snakemake("--dry-run", "--cores", "8", "all"))
    for rule in ("train", "reconstruct", "refine", "evaluate", "collect_rows"):
        assert counts[rule] == ABLATIONS + 1
    once = ("stage_dataset", "build_catalogue", "discover_views", "train_clip", "evaluate_baselines", "compare")
    for rule in (*once, "write_report"):
        assert counts[rule] == 1
    assert counts["render_views"] == counts["sample_surfaces"] == 4


def test_single_target_builds_only_its_inputs(snakemake: Snakemake):
    run = snakemake("--dry-run", "results/triplane_clip/chamfer.csv")
    counts = jobs(run)
    assert counts["train"] == counts["refine"] == counts["train_clip"] == 1
    assert not {"evaluate_baselines", "compare", "draw_figures", "write_report", "measure_memory"} & counts.keys()
    assert "Training triplane_clip, seed 0" in run.stdout


def test_ablation_without_clip_trains_no_clip(snakemake: Snakemake):
    assert "train_clip" not in jobs(snakemake("--dry-run", "results/base/chamfer.csv"))


def test_ablations_share_a_warm_start(snakemake: Snakemake):
    """Losses do not matter to it, networks do, and training from scratch has none."""
    targets = [f"results/{ablation}/chamfer.csv" for ablation in ("clip", "best", "base_scratch")]
    run = snakemake("--dry-run", *targets)
    assert jobs(run)["warm_start"] == 1
    assert "Warm start of base, seed 0" in run.stdout
    assert jobs(snakemake("--dry-run", *targets, "results/se3/chamfer.csv"))["warm_start"] == 2


def test_untrained_has_one_seed(snakemake: Snakemake):
    targets = ("results/base/chamfer.csv", "results/untrained/chamfer.csv")
    run = snakemake("--dry-run", *targets, "--config", "seeds=[3, 7]")
    assert jobs(run)["train"] == 3
    for trained in ("base, seed 3", "base, seed 7", "untrained, seed 3"):
        assert f"Training {trained}" in run.stdout


def test_parts_and_shards_follow_settings(snakemake: Snakemake):
    overlay = ("--config", 'reconstruct={"parts": 3}', 'render={"shards": 2}')
    counts = jobs(snakemake("--dry-run", "results/base/chamfer.csv", *overlay))
    assert (counts["render_views"], counts["reconstruct"], counts["refine"]) == (2, 3, 3)


def test_new_ablation_needs_only_config(snakemake: Snakemake):
    overlay = ("--config", 'ablations={"mine": {"losses": {"rgb": 1.0}}}')
    assert jobs(snakemake("--dry-run", "results/comparison.csv", *overlay))["train"] == ABLATIONS + 2


@pytest.mark.parametrize(
    "preset", ["paper", "3d_future", "real_sample", "tiny", "benchmark", "longer", "study", "wild"]
)
def test_presets_plan_a_whole_run(project: Path, snakemake: Snakemake, preset: str):
    overlay = ("--configfile", f"workflow/presets/{preset}.yaml")
    assert jobs(snakemake("--dry-run", "all", *overlay, SHELFNET_DATASET=str(project)))["compare"] == 1
