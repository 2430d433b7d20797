"""Shared helpers of the scripts: log, terminal, settings, journal and GPUs."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"
SCRIPT = """
import logging, os, sys, types
sys.path.insert(0, {scripts!r})
from stage import journal, run, sections, tables

def main(job):
    {body}

job = dict(rule="train", wildcards=["base", "3"], log=["logs/train.log"], params={params}, resources={resources})
run(main, types.SimpleNamespace(**job))
"""


def run_script(
    folder: Path, body: str, params: str = "None", resources: str = "{}", **variables: str
) -> subprocess.CompletedProcess[str]:
    text = SCRIPT.format(scripts=str(SCRIPTS), body=body, params=params, resources=resources)
    command = [sys.executable, "-c", text]
    return subprocess.run(
        command, cwd=folder, env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    "words", ['os.write(1, b"from below\\n")', 'print("from below")', 'os.system("echo from below")']
)
def test_output_goes_only_to_the_log(tmp_path: Path, words: str):
    done = run_script(tmp_path, words)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert "from below" in (tmp_path / "logs/train.log").read_text()


def test_progress_goes_to_log_and_terminal(tmp_path: Path):
    done = run_script(tmp_path, 'logging.getLogger("shelfnet.training").info("3 of 4")')
    assert done.stderr == "[train/base/3] 3 of 4\n"
    assert "shelfnet.training: 3 of 4" in (tmp_path / "logs/train.log").read_text()


def test_records_of_other_packages_stay_in_the_log(tmp_path: Path):
    done = run_script(tmp_path, 'logging.getLogger("trimesh").warning("odd")')
    assert done.stderr == ""
    assert "trimesh: odd" in (tmp_path / "logs/train.log").read_text()


def test_error_is_one_line_on_the_terminal(tmp_path: Path):
    done = run_script(tmp_path, 'raise ValueError("chairs/7: no faces")')
    assert done.returncode == 1
    assert done.stderr == "[train/base/3] ValueError: chairs/7: no faces\n"
    assert "Traceback" in (tmp_path / "logs/train.log").read_text()


@pytest.mark.parametrize(
    "error",
    [
        'OSError(28, "No space left on device", "a.npy")',
        'ValueError("Error while serializing: I/O error: No space left on device (os error 28)")',
        'RuntimeError("(sqlite3.OperationalError) database or disk is full")',
    ],
)
def test_full_disk_is_called_full(tmp_path: Path, error: str):
    done = run_script(tmp_path, f"raise {error}")
    assert done.returncode == 1
    assert re.fullmatch(r"\[train/base/3\] \w+Error: the disk is full: \d.*GB are free in .*\n", done.stderr)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full, which stands for a full disk")
def test_full_disk_of_the_log_is_called_full(tmp_path: Path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/train.log").symlink_to("/dev/full")
    done = run_script(tmp_path, 'print("x" * 100_000, flush=True)')
    assert done.returncode == 1
    assert "[train/base/3] OSError: the disk is full: " in done.stderr


def test_settings_are_parsed_in_order(tmp_path: Path):
    body = (
        "from shelfnet.config.render import RenderSettings; "
        "from shelfnet.config.train import TrainSettings; "
        "render, train = sections(job, RenderSettings, TrainSettings); "
        "print(render.fov_deg, train.iterations)"
    )
    params = """types.SimpleNamespace(settings='[{"fov_deg": 20.0}, {"iterations": 7}]')"""
    done = run_script(tmp_path, body, params)
    assert done.returncode == 0, done.stderr
    assert "20.0 7" in (tmp_path / "logs/train.log").read_text()


def test_jobs_have_separate_journals(tmp_path: Path):
    done = run_script(tmp_path, "print(journal(job).as_posix())")
    assert done.returncode == 0
    assert "results/journal/train-base-3.jsonl" in (tmp_path / "logs/train.log").read_text()


def test_job_sees_requested_gpus(tmp_path: Path):
    (tmp_path / "nvidia-smi").write_text('#!/bin/sh\nfor n in a b; do echo "GPU 0: Kind (UUID: GPU-$n)"; done\n')
    (tmp_path / "nvidia-smi").chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    body = 'print("sees", os.environ.get("CUDA_VISIBLE_DEVICES"))'
    for resources, seen in (("{}", "None"), ('{"gpu": 0}', "None"), ('{"gpu": 1}', "GPU-a"), ('{"gpu": 2}', "None")):
        done = run_script(tmp_path, body, resources=resources, PATH=path, TMPDIR=str(tmp_path))
        assert done.returncode == 0, done.stderr
        assert f"sees {seen}\n" in (tmp_path / "logs/train.log").read_text()


@pytest.mark.parametrize(("body", "status"), [("pass", "FINISHED"), ('raise ValueError("no faces")', "FAILED")])
def test_status_of_the_job_is_beside_its_journal(tmp_path: Path, body: str, status: str):
    run_script(tmp_path, body)
    told = json.loads((tmp_path / "results/journal/train-base-3.status").read_text())
    assert (told["run"], told["status"]) == ("base/seed3", status)
