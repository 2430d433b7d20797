"""Cuts: gradients wait, go on when told, and end as if the graph had never been cut."""

import dataclasses
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from shelfnet.training import phases, sight
from shelfnet.training.learner import build_learner
from shelfnet.training.phases import generator_phase
from shelfnet.training.seams import Seam, add, cut


@dataclass(frozen=True)
class Pair:
    first: Tensor
    second: Tensor
    name: str


def make(source):
    return cut(Pair(2.0 * source, 3.0 * source.detach(), "kept"))


def test_gradients_stop_at_the_cut_and_go_on_from_it():
    source = torch.ones(2, requires_grad=True)
    seam = make(source)
    assert seam.seen.name == "kept" and len(seam.leaves()) == 1
    (seam.seen.first * torch.tensor([1.0, 5.0])).sum().backward()
    assert source.grad is None
    gradients = seam.take()
    assert seam.seen.first.grad is None
    seam.pass_on(gradients)
    assert source.grad is not None and source.grad.tolist() == [2.0, 10.0]


def test_nothing_to_pass_on_is_nothing():
    source = torch.ones(2, requires_grad=True)
    seam = make(source)
    seam.pass_on(seam.take())
    assert source.grad is None


def test_sums_of_what_may_be_missing():
    one, two = torch.tensor(1.0), torch.tensor(2.0)
    assert add([one, None, one, None], [two, two, None, None]) == [torch.tensor(3.0), two, one, None]


@pytest.fixture
def in_double():
    """Everything that is made meanwhile is float64."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def double(batch):
    return dataclasses.replace(
        batch, images=batch.images.double(), targets=batch.targets.double(), masks=batch.masks.double()
    )


def uncut(value):
    return Seam(value, value)


def two_passes(learner, _seen, total, adversarial):
    decoder = learner.model.decoder_parameters()
    torch.autograd.backward(adversarial, inputs=decoder, retain_graph=True)
    total.backward()


@pytest.mark.usefixtures("in_double")
@pytest.mark.parametrize("representation", ["voxel", "triplane", "se3"])
@pytest.mark.parametrize("hypotheses", [1, 3])
def test_gradients_are_those_of_two_passes_through_an_uncut_graph(tiny, store, monkeypatch, representation, hypotheses):
    overrides = {"decoder": {"representation": representation}, "encoder": {"camera_hypotheses": hypotheses}}
    config = tiny({"model": overrides, "losses": {"adversarial": 20.0}})
    gradients = []
    for naive in (False, True):
        learner = build_learner(config, 0, torch.device("cpu"))
        if naive:
            monkeypatch.setattr(sight, "cut", uncut)
            monkeypatch.setattr(phases, "_backward", two_passes)
        generator_phase(learner, double(store.draw(2, learner.rng)))
        gradients.append({name: value.grad for name, value in learner.model.named_parameters()})
    for name, expected in gradients[1].items():
        assert torch.allclose(gradients[0][name], expected, rtol=1e-7, atol=1e-9 * expected.abs().max().item()), name
