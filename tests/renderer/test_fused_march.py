"""Compiled march on a CPU against the tensor operations in float64."""

import math
from dataclasses import replace

import pytest
import torch

pytest.importorskip("numba")

import numba
from numba.core import caching

from shelfnet.geometry.cameras import look_at_origin
from shelfnet.renderer import compiled_loops, volume
from shelfnet.renderer.fused_march import can_fuse, march_rays_fused
from shelfnet.renderer.ray_march import MarchedRays, RaySegments, march_rays
from shelfnet.representations.voxels import VoxelField

Inputs = tuple[torch.Tensor, ...]


def random_inputs(occupancy: tuple[int, ...], features: tuple[int, ...], rays: int = 23, channels: int = 5) -> Inputs:
    """Grids of three objects, and starts, spans, lengths and phases of rays through them."""
    generator = torch.Generator().manual_seed(0)

    def uniform(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=generator)

    occupancies = torch.sigmoid(8 * uniform(3, 1, *occupancy) - 5)
    starts, ends = uniform(2, 3, rays, 3) - 0.5
    spans = ends - starts
    spans[:, ::4] = 0.0  # as rays that miss the cube
    return occupancies, uniform(3, channels, *features) - 0.5, starts, spans, spans.norm(dim=-1), uniform(3, rays)


def marched(march, inputs: Inputs, samples: int, feature_samples: int | None) -> MarchedRays:
    return march(VoxelField(*inputs[:2]), RaySegments(*inputs[2:]), samples, feature_samples)


def gradients(result: MarchedRays, inputs: Inputs, with_weights: bool) -> Inputs:
    """Gradients of all inputs but the phases, for random gradients of the results."""
    generator = torch.Generator().manual_seed(1)
    results = (result.opacity, result.features, result.weights)[: 3 if with_weights else 2]
    loss = sum((torch.randn(value.shape, generator=generator) * value).sum() for value in results)
    return torch.autograd.grad(loss, inputs[:5])


def relative_error(found: torch.Tensor, expected: torch.Tensor) -> float:
    return ((found - expected).abs().max() / expected.abs().max().clamp(min=1e-3)).item()


@pytest.mark.parametrize("with_weights", [False, True], ids=["no gradient of weights", "gradient of weights"])
@pytest.mark.parametrize("feature_samples", [None, 1, 4, 40])
@pytest.mark.parametrize(
    ("occupancy", "features"), [((9, 7, 5), (4, 6, 3)), ((4, 4, 4), (8, 8, 8)), ((1, 2, 6), (2, 1, 1))]
)
def test_values_and_gradients_match_tensor_operations(occupancy, features, feature_samples, with_weights):
    inputs = [value.requires_grad_() for value in random_inputs(occupancy, features)]
    doubles = [value.detach().double().requires_grad_() for value in inputs]
    found = marched(march_rays_fused, inputs, 13, feature_samples)
    expected = marched(march_rays, doubles, 13, feature_samples)
    assert expected.opacity.min() == 0 and expected.opacity.max() > 0.9
    for name in ("weights", "opacity", "features"):
        assert relative_error(getattr(found, name), getattr(expected, name)) < 1e-5, name
    pairs = zip(gradients(found, inputs, with_weights), gradients(expected, doubles, with_weights), strict=True)
    hit = inputs[4] > 0  # the length of a ray that misses is clamped and has no gradient
    for index, (gradient, reference) in enumerate(pairs):
        reference = reference * hit if index == 4 else reference
        assert reference.abs().max() > 1e-3
        assert relative_error(gradient, reference) < 1e-5, index


def test_solid_cells_have_finite_gradients():
    occupancy, *others = random_inputs((6, 6, 6), (4, 4, 4))
    inputs = [value.requires_grad_() for value in (occupancy.round(), *others)]
    found = marched(march_rays_fused, inputs, 30, 6)
    expected = marched(march_rays, [value.detach().double() for value in inputs], 30, 6)
    assert relative_error(found.weights, expected.weights) < 1e-4
    assert all(gradient.isfinite().all() for gradient in gradients(found, inputs, with_weights=True))


@pytest.mark.parametrize("feature_samples", [None, 3])
@pytest.mark.parametrize("jittered", [False, True])
@pytest.mark.parametrize("views", [1, 3])
def test_renders_and_their_gradients_match_the_plain_path(feature_samples, jittered, views, monkeypatch):
    """Through cameras, several views per object and dropped rays."""
    occupancy, features, *_ = random_inputs((9, 9, 9), (4, 4, 4))
    generator = torch.Generator().manual_seed(2)
    angles = torch.rand(2, 3 * views, generator=generator)
    jitter = torch.rand(3 * views, 15**2, 1, generator=generator) if jittered else None
    fov, distance = math.radians(35.0), 2.6

    def render(fused: bool) -> list[torch.Tensor]:
        monkeypatch.setattr(volume, "can_fuse", lambda *_: fused)
        inputs = [value.clone().requires_grad_() for value in (occupancy, features, *angles)]
        shown = volume.render_features(
            VoxelField(*inputs[:2]),
            look_at_origin(*inputs[2:], distance),
            fov,
            15,
            11,
            feature_samples_per_ray=feature_samples,
            jitter=jitter,
            views_per_object=views,
            max_rays=volume.max_rays_in_cube(fov, distance, 15),
        )
        loss = (shown.mask.square()[..., None] * (1 + shown.features).square()).sum()
        return [shown.mask, shown.mask[..., None] * shown.features, *torch.autograd.grad(loss, inputs)]

    for found, expected in zip(render(True), render(False), strict=True):
        assert expected.abs().max() > 1e-3
        assert relative_error(found, expected) < 1e-4


def test_results_do_not_depend_on_the_number_of_threads():
    before = torch.get_num_threads()
    results = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            inputs = [value.requires_grad_() for value in random_inputs((8, 8, 8), (4, 4, 4))]
            result = marched(march_rays_fused, inputs, 12, 3)
            results.append([result.weights, result.features, *gradients(result, inputs, True)])
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(first, second) for first, second in zip(*results, strict=True))


def test_layout_of_the_tensors_does_not_matter():
    occupancy, features, starts, *others = random_inputs((4, 4, 4), (4, 4, 4))
    turned = (
        occupancy.transpose(2, 4).contiguous().transpose(2, 4),
        features.to(memory_format=torch.channels_last_3d),
        starts.transpose(0, 1).contiguous().transpose(0, 1),
        *others,
    )
    assert not any(value.is_contiguous() for value in turned[:3])
    plain, other = (
        marched(march_rays_fused, inputs, 6, 2) for inputs in ((occupancy, features, starts, *others), turned)
    )
    assert torch.equal(plain.features, other.features)


def test_nan_reaches_the_results():
    occupancy, features, starts, spans, lengths, phases = random_inputs((4, 4, 4), (4, 4, 4))
    nan_occupancy, nan_starts = torch.full_like(occupancy, math.nan), torch.full_like(starts, math.nan)
    for inputs in (
        (nan_occupancy, features, starts, spans, lengths, phases),
        (occupancy, features, nan_starts, nan_starts, torch.full_like(lengths, math.nan), phases),
    ):
        assert marched(march_rays_fused, inputs, 6, 2).opacity[:, 1].isnan().all()


def test_no_rays_and_no_objects_give_empty_results():
    inputs = random_inputs((4, 4, 4), (4, 4, 4))
    no_rays = (*inputs[:2], *(value[:, :0] for value in inputs[2:]))
    assert marched(march_rays_fused, no_rays, 6, 2).features.shape == (3, 0, 5)
    no_objects = tuple(value[:0] for value in inputs)
    assert marched(march_rays_fused, no_objects, 6, 2).weights.shape == (0, 23, 6)


def test_only_float32_voxels_on_a_cpu_are_fused():
    occupancy, features, rays, *_ = random_inputs((4, 4, 4), (4, 4, 4))
    field = VoxelField(occupancy, features)
    assert can_fuse(field, rays)
    assert not can_fuse(field, rays.double())
    assert not can_fuse(replace(field, feature_grid=features.bfloat16()), rays)
    assert not can_fuse(VoxelField(occupancy.to("meta"), features.to("meta")), rays.to("meta"))


def test_code_is_compiled_where_nothing_can_be_cached(monkeypatch):
    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [])
    with pytest.raises(RuntimeError, match="cannot cache"):
        numba.njit(cache=True)(relative_error)

    @compiled_loops.compiled
    def doubled(x):
        return 2 * x

    assert doubled(3) == 6
