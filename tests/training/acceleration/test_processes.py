"""Data-parallel training in several processes."""

import json

import pytest
import torch
from shared_training import train_distributed

from shelfnet.config.load import ConfigError
from shelfnet.training.acceleration.distributed import DistributedContext
from shelfnet.training.acceleration.processes import run_in_processes


def test_local_rows_of_all_processes_are_the_batch():
    batch = torch.arange(12).reshape(6, 2)
    processes = [DistributedContext(rank, 3) for rank in range(3)]
    assert torch.equal(torch.cat([process.local_rows(batch) for process in processes]), batch)
    assert [process.is_main for process in processes] == [True, False, False]
    assert DistributedContext().local_rows(batch) is batch


def test_random_numbers_of_all_processes_are_those_of_one():
    draws = [DistributedContext(rank, 3).rand(torch.Generator().manual_seed(0), 2, 5) for rank in range(3)]
    assert torch.equal(torch.cat(draws), DistributedContext().rand(torch.Generator().manual_seed(0), 6, 5))


def test_one_process_runs_in_this_one():
    calls = []
    run_in_processes(1, "cpu", lambda distributed, word: calls.append((distributed, word)), {"word": "here"})
    assert calls == [(DistributedContext(), "here")]


def test_batch_size_must_be_a_multiple_of_processes(tiny):
    with pytest.raises(ConfigError, match=r"batch_size \(6\) must be a multiple of processes \(4\)"):
        tiny({"train": {"batch_size": 6, "processes": 4}})


def test_two_processes_match_one_on_the_whole_batch(tiny, views, tmp_path):
    train = {"iterations": 2, "batch_size": 4, "discriminator_every": 1, "r1_every": 1, "content_views": 2}
    settings = tiny({"train": train, "losses": {"r1_gamma": 0.1}})
    ends = []
    for processes in (1, 2):
        folder = tmp_path / str(processes)
        folder.mkdir()
        arguments = {"settings": settings.model_dump_json(), "images": views.images, "folder": folder}
        run_in_processes(processes, "cpu", train_distributed, arguments)
        history = json.loads((folder / "history.json").read_text())
        losses = {(iteration, name): value for iteration, name, value in history if name.startswith("loss/")}
        ends.append((losses, torch.load(folder / "gradients.pt")))
    (one, one_gradients), (two, two_gradients) = ends
    assert two == pytest.approx(one, rel=2e-4, abs=1e-6)
    for first, second in zip(one_gradients, two_gradients, strict=True):
        assert (first - second).norm() <= 0.01 * first.norm() + 1e-6
