"""A training near the time limit of its Slurm job saves, and requeues the job."""

import datetime
import os
import time

import pytest
import torch
from tiny_training import build_run

from shelfnet.training import loop, walltime
from shelfnet.training.resume import Signature, load_progress, save_progress
from shelfnet.training.walltime import Walltime, WalltimeError, find_walltime

SIGNATURE = Signature(code="same", settings="same", data="same")


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """Stand-ins for Slurm's commands; returns a function that sets what ``squeue`` prints, and the requeued jobs."""
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    requeued = tmp_path / "requeued"

    def answer(text, requeue_status=0):
        for name, body in (
            ("squeue", f"echo '{text}'"),
            ("scontrol", f'echo "$@" >> {requeued}; exit {requeue_status}'),
        ):
            (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
            (tmp_path / name).chmod(0o755)
        return requeued

    return answer


def in_seconds(seconds):
    return (datetime.datetime.now() + datetime.timedelta(seconds=seconds)).isoformat(timespec="seconds")


@pytest.mark.parametrize(("left_s", "margin_s"), [(36_000, 300), (600, 60)])
def test_limit_is_that_of_the_job(slurm, left_s, margin_s):
    slurm(f"{in_seconds(left_s)}|rule_train_wildcards_base_0")
    found = find_walltime()
    assert found is not None and found.job == "4711" and not found.is_up()
    assert found.save_s == pytest.approx(time.time() + left_s - margin_s, abs=3)
    assert Walltime("1", save_s=time.time()).is_up()


@pytest.mark.parametrize(
    "printed",
    ["N/A|rule_train_wildcards_base_0", "2040-01-01T00:00:00|(null)", "2040-01-01T00:00:00|rule_train_clip", ""],
)
def test_other_jobs_have_no_limit_here(slurm, printed):
    slurm(printed)
    assert find_walltime() is None


def test_without_slurm_there_is_no_limit(monkeypatch):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    assert find_walltime() is None


def test_requeued_training_continues_bitwise(tiny, store, tmp_path, slurm, monkeypatch):
    """It saves between two checkpoints, and ends; the same job then continues as if nothing had happened."""
    monkeypatch.setattr(walltime, "KILL_S", 0.0)
    requeued = slurm("")
    settings = tiny({"train": {"checkpoint_every": 100}})
    whole, context = build_run(settings)
    loop.train(whole, context, store, loop.NO_HOOKS, "whole")
    is_up = iter([False, True])

    class Limit(Walltime):
        def is_up(self):
            return next(is_up)

    hooks = loop.Hooks(
        validate=lambda *_: {},
        record=lambda *_: None,
        save=lambda state: save_progress(tmp_path / "resume", state, SIGNATURE),
        walltime=Limit("4711", save_s=0.0),
    )
    with pytest.raises(WalltimeError, match="requeued and not ended"):
        loop.train(*build_run(settings), store, hooks, "first")
    assert requeued.read_text() == "requeue 4711\n"
    second, context = build_run(settings)
    assert load_progress(tmp_path / "resume", second, SIGNATURE) and second.iteration == 2
    loop.train(second, context, store, loop.NO_HOOKS, "second")
    for key, value in whole.model.state_dict().items():
        assert torch.equal(value, second.model.state_dict()[key])


def test_refused_requeue_is_an_error(slurm):
    slurm("", requeue_status=1)
    with pytest.raises(WalltimeError, match="cannot be requeued"):
        Walltime("4711", save_s=0.0).requeue()
