import dataclasses
from dataclasses import dataclass

import pytest
import torch
from tiny_training import build_run
from torch import Tensor

from shelfnet.training import generator_step as module
from shelfnet.training.detached_boundary import DetachedBoundary, add_gradients, detach
from shelfnet.training.generator_step import generator_step


@dataclass(frozen=True)
class Pair:
    first: Tensor
    second: Tensor
    name: str


def boundary_after(source):
    return detach(Pair(2.0 * source, 3.0 * source.detach(), "kept"))


def test_gradients_stop_at_the_boundary_until_they_are_passed_on():
    source = torch.ones(2, requires_grad=True)
    boundary = boundary_after(source)
    assert boundary.detached.name == "kept" and len(boundary.leaves()) == 1
    (boundary.detached.first * torch.tensor([1.0, 5.0])).sum().backward()
    assert source.grad is None
    gradients = boundary.pop_gradients()
    assert boundary.detached.first.grad is None
    boundary.backward(gradients)
    assert source.grad is not None and source.grad.tolist() == [2.0, 10.0]


def test_backward_without_gradients_does_nothing():
    source = torch.ones(2, requires_grad=True)
    boundary = boundary_after(source)
    boundary.backward(boundary.pop_gradients())
    assert source.grad is None


def test_missing_gradients_count_as_zero():
    one, two = torch.tensor(1.0), torch.tensor(2.0)
    assert add_gradients([one, None, one, None], [two, two, None, None]) == [torch.tensor(3.0), two, one, None]


@pytest.fixture
def in_double():
    """Make every new tensor float64."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def double(batch):
    return dataclasses.replace(
        batch, images=batch.images.double(), targets=batch.targets.double(), masks=batch.masks.double()
    )


def without_cut(values):
    return DetachedBoundary(values, values)


def backward_in_two_passes(model, _forward, loss, adversarial):
    torch.autograd.backward(adversarial, inputs=model.decoder_parameters(), retain_graph=True)
    loss.backward()


@pytest.mark.usefixtures("in_double")
@pytest.mark.parametrize("representation", ["voxel", "triplane", "se3"])
@pytest.mark.parametrize("hypotheses", [1, 3])
def test_gradients_equal_those_of_an_uncut_graph(tiny, store, monkeypatch, representation, hypotheses):
    overrides = {"decoder": {"representation": representation}, "encoder": {"camera_hypotheses": hypotheses}}
    settings = tiny({"model": overrides, "losses": {"adversarial": 20.0}})
    gradients = []
    for uncut in (False, True):
        state, context = build_run(settings)
        if uncut:
            monkeypatch.setattr(module, "detach", without_cut)
            monkeypatch.setattr(module, "backward_generator", backward_in_two_passes)
        generator_step(state, context, double(store.draw(2, state.rng)))
        gradients.append({name: value.grad for name, value in state.model.named_parameters()})
    for name, expected in gradients[1].items():
        assert torch.allclose(gradients[0][name], expected, rtol=1e-7, atol=1e-9 * expected.abs().max().item()), name
