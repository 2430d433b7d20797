"""Mixed precision and memory layout: the same losses and gradients within their rounding."""

import pytest
import torch
from tiny_training import build_run

from shelfnet.training.acceleration.devices import to_channels_last
from shelfnet.training.discriminator_step import discriminator_step
from shelfnet.training.generator_step import generator_step


def steps(run, store):
    """Terms of one step of each network, and the gradients of each network as one vector."""
    state, context = run
    batch = store.draw(2, state.rng)
    terms, renders = generator_step(state, context, batch)
    more, _ = discriminator_step(state, context, batch, renders)
    values = {name: float(value) for name, value in (terms | more).items()}
    return values, gradients(state.model), gradients(state.discriminator)


def gradients(network):
    return torch.cat([parameter.grad.flatten() for parameter in network.parameters()])


def distance(first, second):
    return float((first - second).norm() / second.norm())


@pytest.mark.parametrize("representation", ["voxel", "triplane", "se3"])
def test_bfloat16_step_matches_float32(tiny, store, representation):
    decoder = {"model": {"decoder": {"representation": representation, "blended_shapes": 3}}}
    (rounded, *rounded_gradients), (exact, *exact_gradients) = (
        steps(build_run(tiny(decoder | {"train": {"precision": precision}})), store)
        for precision in ("bfloat16", "float32")
    )
    for name in exact.keys() - {"health/discriminator_accuracy"}:
        assert rounded[name] == pytest.approx(exact[name], rel=0.05, abs=0.02), name
    for found, expected in zip(rounded_gradients, exact_gradients, strict=True):
        assert 1e-7 < distance(found, expected) < 0.15


def test_discriminator_terms_and_gradients_stay_float32(tiny, store):
    state, context = build_run(tiny({"train": {"precision": "bfloat16"}}))
    batch = store.draw(2, state.rng)
    _, renders = generator_step(state, context, batch)
    terms, _ = discriminator_step(state, context, batch, renders)
    assert {value.dtype for value in terms.values()} == {torch.float32}
    assert {value.grad.dtype for value in state.discriminator.parameters()} == {torch.float32}


@pytest.mark.parametrize("representation", ["voxel", "triplane", "se3"])
def test_channels_last_weights_change_rounding_alone(tiny, store, representation):
    settings = tiny({"model": {"decoder": {"representation": representation}}})
    plain, channels_last = (build_run(settings) for _ in range(2))
    to_channels_last(channels_last.state.model)
    to_channels_last(channels_last.state.discriminator)
    weight = channels_last.state.model.encoder.stem[0].weight
    assert weight.is_contiguous(memory_format=torch.channels_last) and not weight.is_contiguous()
    (first, *first_gradients), (second, *second_gradients) = steps(plain, store), steps(channels_last, store)
    assert second == pytest.approx(first, rel=1e-4, abs=1e-6)
    for found, expected in zip(second_gradients, first_gradients, strict=True):
        assert distance(found, expected) < 1e-3
