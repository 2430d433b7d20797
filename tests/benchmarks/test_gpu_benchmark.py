"""The check of a GPU: its rehearsal on a CPU, and what its parts promise when something goes wrong."""

import json
import math
import os
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]
STEPS = ("machine", "iteration_speed", "losses", "acceleration", "functions", "kernels", "refinement_speed", "training")


@pytest.fixture
def benchmarks(monkeypatch):
    """The folder of the benchmarks on the path, as for its programs."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory):
    """Folder with the results of a rehearsal."""
    output = tmp_path_factory.mktemp("gpu") / "output"
    command = [sys.executable, "benchmarks/gpu.py", str(output), "--rehearse", "--minutes", "25"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return output


@pytest.mark.slow
def test_rehearsal_passes_every_step(rehearsal):
    report = json.loads((rehearsal / "report.json").read_text())
    assert {step["step"] for step in report["steps"]} == set(STEPS)
    assert all(step["status"] == "passed" for step in report["steps"])
    checks = [check for step in report["steps"] for check in step["results"].get("checks", [])]
    assert len(checks) > 10 and all(check["passed"] for check in checks)


@pytest.mark.slow
def test_rehearsal_measures_every_path(rehearsal):
    steps = json.loads((rehearsal / "report.json").read_text())["steps"]
    speed = {step["subject"]: step["results"] for step in steps if step["step"] == "iteration_speed"}
    assert list(speed) == ["base", "triplane", "se3", "clip"]
    for results in speed.values():
        assert {row["path"] for row in results["rows"]} >= {"eager float32", "compiled", "captured"}
        assert all(row["iterations_per_s"] > 0 for row in results["rows"]) and results["work"]["flops"] > 0
    text = (rehearsal / "report.txt").read_text()
    assert all(step["step"] in text for step in steps) and "TFLOP/s" in text


@pytest.mark.slow
def test_rehearsal_leaves_a_model(rehearsal, tmp_path):
    from shelfnet.networks.checkpoint import load_model

    parts = sorted(rehearsal.glob("model.safetensors.*"))
    (tmp_path / "model.safetensors").write_bytes(b"".join(part.read_bytes() for part in parts))
    (tmp_path / "model.json").write_bytes((rehearsal / "model.json").read_bytes())
    assert sum(weight.numel() for weight in load_model(tmp_path).parameters()) > 1000
    assert (rehearsal / "samples.png").stat().st_size > 0
    assert len(list(rehearsal.iterdir())) <= 8


def a_task(folder: Path, step: str, seconds: float):
    from gpu_steps.task import Task

    return Task(step, None, True, None, folder, folder, folder / "results.json", folder / "report.json", seconds)


@pytest.mark.parametrize(
    ("end", "seconds", "status"),
    [
        (lambda: None, 60, "passed"),
        (lambda: time.sleep(300), 5, "timed out"),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), 60, "failed"),
        (lambda: 1 / 0, 60, "failed"),
    ],
    ids=["ends", "hangs", "crashes", "raises"],
)
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_step_keeps_what_it_recorded(benchmarks, monkeypatch, tmp_path, end, seconds, status):
    from gpu_steps.process import run_in_process

    def run(task, recorder):
        recorder.put(reached=1)
        end()

    monkeypatch.setitem(sys.modules, "gpu_steps.pretended", types.SimpleNamespace(run=run))
    assert run_in_process(a_task(tmp_path, "pretended", seconds), tmp_path / "log") == status
    assert json.loads((tmp_path / "results.json").read_text()) == {"reached": 1}


def test_an_exception_is_a_failed_check(benchmarks, tmp_path):
    from gpu_steps.task import Recorder

    recorder = Recorder(tmp_path / "results.json", 10)
    recorder.check("division", lambda: {"passed": 1 / 0})
    recorder.check("nothing", lambda: {"passed": True})
    assert [check["passed"] for check in recorder.values["checks"]] == [False, True]
    assert "ZeroDivisionError" in recorder.values["checks"][0]["error"]


def test_draws_are_those_of_the_cpu_on_every_device(benchmarks):
    from gpu_steps.comparison import RandomNumbersOfTheCpu

    other = torch.Generator().manual_seed(5)
    with RandomNumbersOfTheCpu(seed=1):
        drawn = torch.rand(3, generator=other), torch.randint(9, (4,), generator=other, device="cpu")
    expected = torch.Generator().manual_seed(1)
    assert torch.equal(drawn[0], torch.rand(3, generator=expected))
    assert torch.equal(drawn[1], torch.randint(9, (4,), generator=expected))
    assert torch.equal(torch.rand(3, generator=other), torch.rand(3, generator=torch.Generator().manual_seed(5)))


@pytest.mark.parametrize(
    ("term", "gradient", "passed"),
    [(1.0, 2.0, True), (1.01, 2.0, False), (1.0, 2.1, False), (math.nan, 2.0, False), (1.0, math.nan, False)],
)
def test_differences_and_nan_fail_a_comparison(benchmarks, term, gradient, passed):
    from gpu_steps.comparison import FLOAT32, Outcome, compare

    expected = Outcome({"rgb": 1.0, "mask": 3.0}, {"model": [torch.tensor([1.0, 2.0])]})
    found = Outcome({"rgb": term, "mask": 3.0}, {"model": [torch.tensor([1.0, gradient])]})
    assert compare(found, expected, FLOAT32)["passed"] is passed


def test_data_is_packed_up_to_its_size(benchmarks, tmp_path):
    import gpu_data
    import pyarrow.parquet as pq
    from gpu_steps.training import discs

    from shelfnet.data.shards.reader import load_training_views
    from shelfnet.data.shards.writer import write_shard

    rows = discs(48, 30)
    write_shard(tmp_path / "renders" / "shard-0000.parquet", rows)
    whole = sum(len(row["image"]["bytes"]) for row in rows)
    gpu_data.pack(tmp_path, tmp_path / "all", 1.0)
    gpu_data.pack(tmp_path, tmp_path / "half", whole / 2e6)
    assert len(load_training_views([tmp_path / "all" / "shard.parquet"]).images) == 25
    half = pq.read_table(tmp_path / "half" / "shard.parquet").to_pylist()
    assert sum(len(row["image"]["bytes"]) for row in half) <= whole / 2
    assert [row["split"] for row in half].count("validation") == 5, "validation comes first"


def test_results_without_renders_are_refused(benchmarks, tmp_path):
    import gpu_data

    with pytest.raises(SystemExit, match="renders/shard"):
        gpu_data.pack(tmp_path, tmp_path / "out", 1.0)
