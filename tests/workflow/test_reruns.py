"""Jobs that a changed setting reruns."""

import base64
import json
import re
from pathlib import Path

import pytest

from tests.workflow.conftest import Snakemake
from tests.workflow.test_dag import jobs

TARGET = "results/base/chamfer.csv"
MESHES = {"reconstruct", "refine", "evaluate", "collect_rows"}


@pytest.fixture
def finished(project: Path, snakemake: Snakemake) -> Snakemake:
    """A run whose outputs are empty files, recorded with their params as Snakemake records a real one."""
    for line in snakemake("--summary", TARGET).stdout.splitlines():
        path = project / line.split("\t")[0]
        if line.startswith("results/") and path.name.startswith("part-"):
            path.mkdir(parents=True)
        elif line.startswith("results/"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    assert snakemake("--touch", "--cores", "1", TARGET, "--config", 'tracking={"enabled": false}').returncode == 0
    return snakemake


def test_changed_level_rebuilds_meshes_and_does_not_retrain(finished: Snakemake):
    run = finished("--dry-run", TARGET, "--config", 'reconstruct={"level": 0.35}')
    assert jobs(run).keys() - {"total"} == MESHES


def test_changed_loss_weight_retrains(finished: Snakemake):
    run = finished("--dry-run", TARGET, "--config", 'losses={"mask": 3.0}')
    assert jobs(run).keys() - {"total"} == MESHES | {"train"}
    causes = "  their settings have changed (losses.mask: 50.0 to 3.0): train\n  their inputs are made again: "
    assert f"{causes}reconstruct, refine," in run.stdout


def test_changed_code_is_told_before_the_first_job(finished: Snakemake, project: Path):
    """Of results of another version, the terminal says what runs again, and why."""
    records = project / ".snakemake" / "metadata"
    record = records / base64.urlsafe_b64encode(b"results/base/chamfer.csv").decode()
    known = json.loads(record.read_text())
    known["params"] = [re.sub("^'[0-9a-f]{16}'$", f"'{16 * '0'}'", param) for param in known["params"]]
    record.write_text(json.dumps(known))
    run = finished("--cores", "1", TARGET, "--config", 'tracking={"enabled": false}')
    assert "run again, because\n  their code has changed: collect_rows\n" in run.stdout
