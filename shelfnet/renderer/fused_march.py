"""March along rays through fields on a CPU, in compiled loops that keep the samples of a ray in the cache.

:func:`shelfnet.renderer.ray_march.march_rays` is the reference.
"""

from functools import cache
from importlib.util import find_spec
from typing import Any, TypeGuard

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from shelfnet.renderer.fused_triplane_march import can_fuse_triplanes, march_triplanes
from shelfnet.renderer.object_threads import arrays_of, for_each_object
from shelfnet.renderer.ray_march import MarchedRays, RaySegments
from shelfnet.representations.field import Field
from shelfnet.representations.triplane import TriplaneField
from shelfnet.representations.voxels import VoxelField


@cache
def has_compiler() -> bool:
    """Whether numba is installed, which compiles the loops."""
    return find_spec("numba") is not None


def can_fuse(field: Field, rays: Tensor) -> TypeGuard[VoxelField | TriplaneField]:
    """Whether :func:`march_rays_fused` covers a field and a tensor of its rays: fields in float32 on a CPU."""
    if not has_compiler():
        return False
    match field:
        case VoxelField():
            tensors = (field.occupancy_grid, field.feature_grid, rays)
        case TriplaneField() if can_fuse_triplanes(field):
            tensors = (field.planes, rays) if field.shared_logits is None else (field.planes, field.shared_logits, rays)
        case _:
            return False
    return all(tensor.device.type == "cpu" and tensor.dtype == torch.float32 for tensor in tensors)


def march_rays_fused(
    field: VoxelField | TriplaneField, segments: RaySegments, samples: int, feature_samples: int | None
) -> MarchedRays:
    """Evaluate a field along rays, as :func:`march_rays`.

    Differentiable once, in the field and the segments. Rays of zero length are skipped. Threads share the objects, so
    that results do not depend on the number of threads.
    """
    if isinstance(field, TriplaneField):
        return march_triplanes(field, segments, samples, feature_samples)
    steps = segments.lengths / (samples * field.voxel_size)
    used = samples if feature_samples is None else min(feature_samples, samples)
    grids, rays = (field.occupancy_grid, field.feature_grid), (segments.starts, segments.spans, steps, segments.phases)
    return MarchedRays(*_FusedMarch.apply(*grids, *rays, samples, used))  # pyright: ignore[reportGeneralTypeIssues]


class _FusedMarch(torch.autograd.Function):
    """Weights, opacity and mean features from grids, starts, spans, steps and phases."""

    @staticmethod
    def forward(
        ctx: Any,
        occupancy: Tensor,
        features: Tensor,
        starts: Tensor,
        spans: Tensor,
        steps: Tensor,
        phases: Tensor,
        samples: int,
        feature_samples: int,
    ) -> tuple[Tensor, Tensor, Tensor]:
        from shelfnet.renderer.march_kernels import Grids, Rays, Samples, march_forward

        size = (features.shape[2], features.shape[3], features.shape[4])
        bordered = functional.pad(occupancy.squeeze(1), (1, 1, 1, 1, 1, 1)).contiguous()
        channels_last = features.permute(0, 2, 3, 4, 1).flatten(1).contiguous()
        grids, rays = (bordered, channels_last), [value.contiguous() for value in (starts, spans, steps, phases)]
        sampled, weights = steps.new_zeros(2, *steps.shape, samples)
        opacity, mean = steps.new_zeros(steps.shape), steps.new_zeros(*steps.shape, features.shape[1])
        result = (sampled, weights, opacity, mean)

        def march(o: int) -> None:
            march_forward(
                Grids(*arrays_of(grids, o), size=size),
                Rays(*arrays_of(rays, o)),
                feature_samples,
                Samples(*arrays_of(result, o)),
            )

        for_each_object(march, len(steps))
        ctx.save_for_backward(*grids, *rays, *result)
        ctx.set_materialize_grads(False)
        ctx.size, ctx.feature_samples = size, feature_samples
        return weights, opacity, mean

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, d_weights: Tensor | None, d_opacity: Tensor | None, d_mean: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        from shelfnet.renderer.march_kernels import Grids, Rays, Samples, march_backward

        saved = ctx.saved_tensors
        grids, rays, (sampled, weights, opacity, mean) = saved[:2], saved[2:6], saved[6:]
        d_result = (
            sampled,
            weights[:, :0] if d_weights is None else d_weights.contiguous(),
            torch.zeros_like(opacity) if d_opacity is None else d_opacity.contiguous(),
            torch.zeros_like(mean) if d_mean is None else d_mean.contiguous(),
        )
        d_grids, d_rays = [[torch.zeros_like(value) for value in values] for values in (grids, rays)]
        with_rays = any(ctx.needs_input_grad[2:5])

        def march(o: int) -> None:
            march_backward(
                Grids(*arrays_of(grids, o), size=ctx.size),
                Rays(*arrays_of(rays, o)),
                ctx.feature_samples,
                Samples(*arrays_of(saved[6:], o)),
                Samples(*arrays_of(d_result, o)),
                Grids(*arrays_of(d_grids, o), size=ctx.size),
                Rays(*arrays_of(d_rays, o)),
                with_rays,
            )

        for_each_object(march, len(opacity))
        d_occupancy, d_features = d_grids
        inner = slice(1, -1)
        return (
            d_occupancy[:, None, inner, inner, inner],
            d_features.unflatten(1, (*ctx.size, -1)).permute(0, 4, 1, 2, 3),
            *(d_rays[:3] if with_rays else [None] * 3),
            *[None] * 3,
        )
