"""A training on a real Slurm is cancelled, requeued and left alone, and ends with the weights of an undisturbed run."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import trimesh
from photographed import SPLITS, write_views

from shelfnet.data.surfaces import measure_surface, write_surfaces
from shelfnet.geometry.meshes import Mesh
from tests.slurm_cluster import NoClusterError, slurm_cluster
from tests.workflow.conftest import ROOT, Snakemake

RUN = Path("results/base_scratch/seed0")
WEIGHTS = RUN / "model.safetensors"
SETTINGS = {"iterations": 100, "checkpoint_every": 2, "validate_every": 100}
OPTIONS = [
    *(str(WEIGHTS), "--configfile", "workflow/presets/tiny.yaml"),
    *("--config", f"train={json.dumps(SETTINGS)}", 'tracking={"enabled": false}'),
    *("--set-threads", "train=1"),  # not the 8 of the profile, since sums depend on the number of threads
]
ON_SLURM = ["--workflow-profile", str(ROOT / "workflow/profiles/slurm"), "--slurm-init-seconds-before-status-checks=3"]
STEP_S = 240.0
"""Time limit for each step of the test, in seconds."""


class Cluster:
    """Snakemake on a cluster, and the training that it submits, in the folder ``project``."""

    def __init__(self, environment: dict[str, str], project: Path) -> None:
        self.environment = os.environ | environment
        self.project = project
        self.masters: list[subprocess.Popen[bytes]] = []
        self.iteration = 0

    def start(self) -> subprocess.Popen[bytes]:
        """Start Snakemake."""
        command = [sys.executable, "-m", "snakemake", *OPTIONS, *ON_SLURM]
        with (self.project / "terminal.log").open("ab") as log:
            self.masters += [subprocess.Popen(command, cwd=self.project, env=self.environment, stdout=log, stderr=log)]
        return self.masters[-1]

    def terminal(self) -> str:
        """The end of what Snakemake has printed."""
        return (self.project / "terminal.log").read_text()[-6000:]

    def slurm(self, *command: str) -> str:
        """Output of one of Slurm's commands."""
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=True).stdout.strip()

    def running_job(self) -> str:
        """Id of the only job that has processes; empty if there is none."""
        return self.slurm("squeue", "--noheader", "--format=%i", "--states=RUNNING,COMPLETING")

    def stop(self, job: str, *command: str) -> None:
        """End a job with a command, and wait until it has ended."""
        self.slurm(*command, job)
        self.wait(lambda: self.running_job() != job)

    def train_further(self) -> None:
        """Wait until a job has saved the progress of the training twice, and see that it never falls back."""
        self.wait(self.running_job)
        target = self._saved_iteration() + 2 * SETTINGS["checkpoint_every"]
        self.wait(lambda: self._saved_iteration() >= target)

    def _saved_iteration(self) -> int:
        with suppress(FileNotFoundError):  # before the first progress, and while it is replaced
            found = json.loads((self.project / RUN / "resume" / "state.json").read_text())["iteration"]
            assert found >= self.iteration
            self.iteration = found
        return self.iteration

    def wait(self, is_true: Callable[[], object]) -> None:
        """Wait for something, while Snakemake runs."""
        end = time.monotonic() + STEP_S
        while not is_true():
            assert time.monotonic() < end and self.masters[-1].poll() is None, self.terminal()
            time.sleep(0.1)


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A Slurm cluster on this machine."""
    if find_spec("snakemake_executor_plugin_slurm") is None:
        pytest.skip("Snakemake's plugin for Slurm is not installed (CONTRIBUTING.md)")
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="shelfnet-slurm-"))
        try:
            environment = stack.enter_context(slurm_cluster(Path(folder)))
        except NoClusterError as error:
            pytest.skip(f"no Slurm cluster on this machine: {error}")
        cluster = Cluster(environment, tmp_path_factory.mktemp("cluster") / "project")
        try:
            yield cluster
        finally:
            for master in cluster.masters:
                master.kill()
                master.wait()


def write_inputs(results: Path) -> None:
    """Images and surfaces, so that the training is the only job."""
    (results / "renders").mkdir(parents=True)
    write_views(results / "renders" / "shard-0000.parquet")
    box = trimesh.creation.box()
    mesh = Mesh(np.array(box.vertices), np.array(box.faces))
    surfaces = [(model, measure_surface(mesh, model, split, 256, 0)) for model, split in SPLITS.items()]
    write_surfaces(results / "surfaces" / "shard-0000.parquet", surfaces)


@pytest.mark.slow
def test_disturbed_training_has_the_weights_of_a_quiet_one(project: Path, snakemake: Snakemake, cluster: Cluster):
    write_inputs(project / "results")
    shutil.copytree(project, cluster.project, symlinks=True)
    quiet = snakemake("--cores", "2", *OPTIONS)
    assert quiet.returncode == 0, quiet.stdout[-6000:]

    master = cluster.start()
    cluster.train_further()
    assert "Training base_scratch, seed 0" in cluster.terminal()
    cancelled = cluster.running_job()
    cluster.stop(cancelled, "scancel")
    cluster.train_further()
    job = cluster.running_job()
    assert job != cancelled

    cluster.stop(job, "scontrol", "requeue")
    cluster.train_further()
    assert cluster.running_job() == job
    assert "Restarts=1" in cluster.slurm("scontrol", "show", "job", job)

    master.kill()
    master.wait()
    assert cluster.running_job() == job
    assert snakemake("--unlock", *OPTIONS, "--directory", str(cluster.project)).returncode == 0
    assert cluster.start().wait(STEP_S) == 0, cluster.terminal()
    assert (cluster.project / WEIGHTS).read_bytes() == (project / WEIGHTS).read_bytes()
