"""Triton's march in its interpreter against the tensor operations in float64.

``test_triton_march.py`` runs this file in a process of its own, since Triton chooses the interpreter at its import.

TRITON_INTERPRET=1 pytest tests/renderer/triton_march_cases.py
"""

import math
from functools import partial

import pytest
import torch

from shelfnet.config.networks import DecoderSettings
from shelfnet.geometry.cameras import look_at_origin
from shelfnet.networks.decoders import TriplaneHead
from shelfnet.renderer import triton_march, volume
from shelfnet.renderer.ray_march import MarchedRays, RaySegments, march_rays
from shelfnet.renderer.triton_march import can_march, march_rays_triton
from shelfnet.representations.triplane import TriplaneField
from shelfnet.representations.voxels import VoxelField

Inputs = tuple[torch.Tensor, ...]

SAMPLES = 5


def random_inputs(occupancy: tuple[int, ...], features: tuple[int, ...], rays: int = 11, channels: int = 5) -> Inputs:
    """Grids of two objects, and starts, spans, lengths and phases of rays through them."""
    generator = torch.Generator().manual_seed(0)

    def uniform(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=generator)

    occupancies = torch.sigmoid(8 * uniform(2, 1, *occupancy) - 4)
    starts, ends = uniform(2, 2, rays, 3) - 0.5
    spans = ends - starts
    spans[:, ::4] = 0.0  # as rays that miss the cube
    return occupancies, uniform(2, channels, *features) - 0.5, starts, spans, spans.norm(dim=-1), uniform(2, rays)


def marched(march, inputs: Inputs, feature_samples: int | None) -> MarchedRays:
    return march(VoxelField(*inputs[:2]), RaySegments(*inputs[2:]), SAMPLES, feature_samples)


def gradients(result: MarchedRays, inputs: Inputs, with_weights: bool) -> Inputs:
    """Gradients of all inputs but the phases, for random gradients of the results."""
    generator = torch.Generator().manual_seed(1)
    results = (result.opacity, result.features, result.weights)[: 3 if with_weights else 2]
    loss = sum((torch.randn(value.shape, generator=generator) * value).sum() for value in results)
    return torch.autograd.grad(loss, inputs[:5])


def relative_error(found: torch.Tensor, expected: torch.Tensor) -> float:
    return ((found - expected).abs().max() / expected.abs().max().clamp(min=1e-3)).item()


@pytest.mark.parametrize(
    ("occupancy", "features", "feature_samples", "mix", "with_weights"),
    [
        ((9, 7, 5), (4, 6, 3), None, True, True),
        ((4, 4, 4), (7, 7, 7), 2, True, False),
        ((1, 2, 6), (2, 1, 1), None, True, True),
        ((5, 5, 5), (4, 4, 4), 3, False, True),
        ((5, 5, 5), (4, 4, 4), None, False, False),
    ],
)
def test_values_and_gradients_match_tensor_operations(occupancy, features, feature_samples, mix, with_weights):
    inputs = [value.requires_grad_() for value in random_inputs(occupancy, features)]
    doubles = [value.detach().double().requires_grad_() for value in inputs]
    found = marched(partial(march_rays_triton, mix=mix), inputs, feature_samples)
    expected = marched(march_rays, doubles, feature_samples)
    assert expected.opacity.min() == 0 and expected.opacity.max() > 0.8
    for name in ("weights", "opacity", "features"):
        assert relative_error(getattr(found, name), getattr(expected, name)) < 1e-5, name
    pairs = zip(gradients(found, inputs, with_weights), gradients(expected, doubles, with_weights), strict=True)
    hit = inputs[4] > 0  # the length of a ray that misses is clamped and has no gradient
    for index, (gradient, reference) in enumerate(pairs):
        if index == 4:
            gradient, reference = gradient * hit, reference * hit
        assert reference.abs().max() > 1e-3
        assert relative_error(gradient, reference) < 1e-5, index


def test_several_programs_share_the_rays_of_an_object(monkeypatch):
    inputs = [value.requires_grad_() for value in random_inputs((4, 4, 4), (3, 3, 3))]
    results = []
    for block in (4, 16):
        monkeypatch.setattr(triton_march, "INTERPRETED_BLOCK", block)
        result = marched(march_rays_triton, inputs, None)
        results.append([result.weights, result.features, *gradients(result, inputs, True)])
    for several, one in zip(*results, strict=True):
        torch.testing.assert_close(several, one, rtol=1e-5, atol=1e-5)


def test_features_in_bfloat16_are_mixed_in_float32():
    inputs = random_inputs((4, 4, 4), (3, 3, 3))
    rounded = inputs[1].bfloat16()
    found = marched(march_rays_triton, (inputs[0], rounded.requires_grad_(), *inputs[2:]), None)
    expected = marched(march_rays, (inputs[0], rounded.detach().float(), *inputs[2:]), None)
    torch.testing.assert_close(found.features, expected.features, rtol=1e-5, atol=1e-6)
    found.features.sum().backward()
    assert rounded.grad is not None and rounded.grad.dtype == torch.bfloat16


def test_nan_reaches_the_results_and_no_index():
    occupancy, features, starts, spans, lengths, phases = random_inputs((4, 4, 4), (3, 3, 3))
    nan = torch.full_like(starts, math.nan)
    for inputs in (
        (torch.full_like(occupancy, math.nan), features, starts, spans, lengths, phases),
        (occupancy, features, nan, nan, torch.ones_like(lengths), phases),
    ):
        assert marched(march_rays_triton, inputs, None).opacity[:, 1].isnan().all()


def test_no_rays_and_no_objects_give_empty_results():
    inputs = random_inputs((4, 4, 4), (3, 3, 3))
    no_rays = (*inputs[:2], *(value[:, :0] for value in inputs[2:]))
    assert marched(march_rays_triton, no_rays, 2).features.shape == (2, 0, 5)
    no_objects = tuple(value[:0] for value in inputs)
    assert marched(march_rays_triton, no_objects, 2).weights.shape == (0, 11, SAMPLES)


@pytest.mark.parametrize("kernel", ["triton", "triton_visibility"])
def test_renders_and_their_gradients_match_the_default(kernel):
    occupancy, features, *_ = random_inputs((4, 4, 4), (3, 3, 3))
    angles = torch.rand(2, 2, generator=torch.Generator().manual_seed(2))
    fov, distance = math.radians(35.0), 2.6

    def render(kernel: str) -> list[torch.Tensor]:
        inputs = [value.clone().requires_grad_() for value in (occupancy, features, *angles)]
        cameras = look_at_origin(*inputs[2:], distance)
        rays = volume.max_rays_in_cube(fov, distance, 6)
        shown = volume.render_features(VoxelField(*inputs[:2]), cameras, fov, 6, 4, max_rays=rays, kernel=kernel)
        loss = (shown.mask.square()[..., None] * (1 + shown.features).square()).sum()
        return [shown.mask, shown.mask[..., None] * shown.features, *torch.autograd.grad(loss, inputs)]

    for found, expected in zip(render(kernel), render("auto"), strict=True):
        assert expected.abs().max() > 1e-3
        assert relative_error(found, expected) < 1e-4


def test_only_voxels_with_float32_rays_are_marched(monkeypatch):
    occupancy, features, rays, *_ = random_inputs((4, 4, 4), (3, 3, 3))
    field = VoxelField(occupancy, features)
    assert can_march(field, rays)
    assert not can_march(field, rays.double())
    head = TriplaneHead(DecoderSettings(feature_channels=2, plane_channels=3, plane_hidden=4))
    assert not can_march(TriplaneField(torch.zeros(1, 3, 3, 4, 4), head, 0.25), rays)
    monkeypatch.delenv("TRITON_INTERPRET")
    assert not can_march(field, rays), "a CPU needs the interpreter"
