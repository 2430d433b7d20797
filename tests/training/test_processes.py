"""Several processes take the steps that one would take."""

import json

import pytest
import torch
from shared_training import train_share

from shelfnet.config.load import ConfigError
from shelfnet.training.processes import in_processes
from shelfnet.training.shares import Share


def test_shares_are_all_rows_once_in_order():
    drawn = torch.arange(12).reshape(6, 2)
    shares = [Share(rank, 3) for rank in range(3)]
    assert torch.equal(torch.cat([share.take(drawn) for share in shares]), drawn)
    assert [share.leads for share in shares] == [True, False, False] and shares[1].whole(2) == 6
    assert Share().take(drawn) is drawn


def test_one_process_stays_in_this_one():
    seen = []
    in_processes(1, "cpu", lambda share, word: seen.append((share, word)), {"word": "here"})
    assert seen == [(Share(), "here")]


def test_a_batch_that_cannot_be_shared_equally_is_refused(tiny):
    with pytest.raises(ConfigError, match=r"batch_size \(6\) must be a multiple of processes \(4\)"):
        tiny({"train": {"batch_size": 6, "processes": 4}})


def test_two_processes_have_the_losses_and_gradients_of_one_on_the_whole_batch(tiny, views, tmp_path):
    train = {"iterations": 2, "batch_size": 4, "discriminator_every": 1, "r1_every": 1, "content_views": 2}
    config = tiny({"train": train, "losses": {"r1_gamma": 0.1}})
    ends = []
    for processes in (1, 2):
        folder = tmp_path / str(processes)
        folder.mkdir()
        arguments = {"settings": config.model_dump_json(), "images": views.images, "folder": folder}
        in_processes(processes, "cpu", train_share, arguments)
        history = json.loads((folder / "history.json").read_text())
        losses = {(iteration, name): value for iteration, name, value in history if name.startswith("loss/")}
        ends.append((losses, torch.load(folder / "gradients.pt")))
    (one, one_gradients), (two, two_gradients) = ends
    assert two == pytest.approx(one, rel=2e-4, abs=1e-6)
    for first, second in zip(one_gradients, two_gradients, strict=True):
        assert (first - second).norm() <= 0.01 * first.norm() + 1e-6
