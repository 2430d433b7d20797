"""What a user can get wrong stops with one line that names it, and before any job where that is possible."""

from pathlib import Path

import pytest

from tests.workflow.conftest import Snakemake


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ('train={"iteratons": 3}', "train.iteratons: no such setting"),
        ('train={"iterations": "many"}', "train.iterations: Input should be a valid integer"),
        ('ablations={"mine": {"losses": {"klip": 1}}}', "ablations.mine.losses.klip: no such setting"),
        ("seeds=[]", "seeds: "),
    ],
)
def test_a_wrong_setting_stops_before_any_job(project: Path, snakemake: Snakemake, override: str, message: str):
    run = snakemake("all", "--config", override)
    assert run.returncode != 0
    assert message in run.stdout.splitlines()[-1]
    assert "Traceback" not in run.stdout
    assert not (project / "results").exists()


def test_an_unknown_ablation_is_named_with_the_known_ones(project: Path, snakemake: Snakemake):
    run = snakemake("results/nope/chamfer.csv")
    assert run.returncode != 0
    last = run.stdout.splitlines()[-1]
    assert "'nope'" in last
    assert "triplane_clip" in last
    assert "Traceback" not in run.stdout
    assert not (project / "results").exists()


def test_a_missing_data_set_is_one_line_with_its_path(project: Path, snakemake: Snakemake):
    overlay = ('dataset={"kind": "3d_future", "path": "from_config"}', 'tracking={"enabled": false}')
    run = snakemake("results/dataset/manifest.json", "--config", *overlay)
    assert run.returncode != 0
    named = [line for line in run.stdout.splitlines() if line.startswith("[stage_dataset]")]
    assert len(named) == 1
    assert "from_config" in named[0]
    assert "Traceback" not in run.stdout
    assert "Traceback" in (project / "results/logs/stage_dataset.log").read_text()


def test_the_environment_variable_names_the_data_set(project: Path, snakemake: Snakemake):
    overlay = ('dataset={"kind": "3d_future", "path": "from_config"}', 'tracking={"enabled": false}')
    run = snakemake("results/dataset/manifest.json", "--config", *overlay, SHELFNET_DATASET="from_environment")
    assert run.returncode != 0
    assert "from_environment" in run.stdout
    assert "from_config" not in (project / "results/logs/stage_dataset.log").read_text()
