"""Wrong input stops with one clear line, before any job if possible."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.workflow.conftest import Snakemake


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ('train={"iteratons": 3}', "train.iteratons: "),
        ('train={"iterations": "many"}', "train.iterations: "),
        ('ablations={"mine": {"losses": {"klip": 1}}}', "ablations.mine.losses.klip: "),
        ('ablations={"mine": {"evaluate": {"n_points": 300}}}', "ablations.mine.evaluate: "),
        ("seeds=[]", "seeds: "),
    ],
)
def test_wrong_setting_stops_before_any_job(project: Path, snakemake: Snakemake, override: str, message: str):
    run = snakemake("all", "--config", override)
    assert run.returncode != 0
    assert message in run.stdout.splitlines()[-1]
    assert "Traceback" not in run.stdout
    assert not (project / "results").exists()


def test_unknown_ablation_lists_known_ones(project: Path, snakemake: Snakemake):
    run = snakemake("results/nope/chamfer.csv")
    assert run.returncode != 0
    last = run.stdout.splitlines()[-1]
    assert "nope" in last
    assert "triplane_clip" in last
    assert "Traceback" not in run.stdout
    assert not (project / "results").exists()


@pytest.mark.parametrize(("variable", "named"), [({}, "from_config"), ({"SHELFNET_DATASET": "from_env"}, "from_env")])
def test_missing_data_set_names_its_path(project: Path, snakemake: Snakemake, variable: dict[str, str], named: str):
    overlay = ("--config", 'dataset={"kind": "3d_future", "path": "from_config"}')
    run = snakemake("results/dataset/manifest.json", *overlay, **variable)
    assert run.returncode != 0
    last = run.stdout.splitlines()[-1]
    assert last.startswith(str(project.resolve() / named))
    assert "Traceback" not in run.stdout
    assert not (project / "results").exists()


def test_unreadable_data_set_names_its_path(project: Path, snakemake: Snakemake):
    (project / "empty").mkdir()
    overlay = ('dataset={"kind": "3d_future", "path": "empty"}', 'tracking={"enabled": false}')
    run = snakemake("results/dataset/manifest.json", "--config", *overlay)
    assert run.returncode != 0
    named = [line for line in run.stdout.splitlines() if line.startswith("[stage_dataset]")]
    assert len(named) == 1
    assert str(project / "empty") in named[0]
    assert "Traceback" not in run.stdout
    assert "Traceback" in (project / "results/logs/stage_dataset.log").read_text()


def test_preset_without_data_asks_for_it(snakemake: Snakemake):
    run = snakemake("--dry-run", "all", "--configfile", "workflow/presets/real_sample.yaml")
    assert run.returncode != 0
    assert "dataset.path or SHELFNET_DATASET" in run.stdout


def test_missing_package_suggests_the_environment(project: Path):
    bare = "import sys; sys.modules['shelfnet'] = None; from snakemake.cli import main; main(['--dry-run', 'all'])"
    run = subprocess.run([sys.executable, "-c", bare], cwd=project, capture_output=True, text=True, check=False)
    assert run.returncode != 0
    assert run.stderr.splitlines()[-1].startswith(f"{sys.executable}, which runs Snakemake, has no package 'shelfnet")
    assert "source .venv/bin/activate" in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize(("path", "refused"), [("/my project/python", True), ("/josé/python3.11", False)])
def test_interpreter_that_the_shell_would_split_is_refused(project: Path, path: str, refused: bool):
    called = f"import sys; sys.executable = {path!r}; from snakemake.cli import main; main(['--list-rules'])"
    run = subprocess.run([sys.executable, "-c", called], cwd=project, capture_output=True, text=True, check=False)
    assert (run.returncode != 0) == refused
    assert (path in run.stderr.splitlines()[-1]) == refused
    assert "Traceback" not in run.stderr
