"""March along rays through fields on a CPU, in compiled loops that keep the samples of a ray in the cache.

:func:`shelfnet.renderer.ray_march.march_rays` is the reference.
"""

from functools import cache, partial
from importlib.util import find_spec
from typing import Any, TypeGuard

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from shelfnet.renderer.compiled_march import run_backward, run_forward
from shelfnet.renderer.fused_triplane_march import can_fuse_triplanes, march_triplanes
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
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any,
        occupancy: Float[Tensor, "b 1 z y x"],
        features: Float[Tensor, "b c fz fy fx"],
        starts: Float[Tensor, "b r 3"],
        spans: Float[Tensor, "b r 3"],
        steps: Float[Tensor, "b r"],
        phases: Float[Tensor, "b r"],
        samples: int,
        feature_samples: int,
    ) -> tuple[Tensor, Tensor, Tensor]:
        from shelfnet.renderer.march_kernels import Grids, march_forward

        bordered = functional.pad(occupancy.squeeze(1), (1, 1, 1, 1, 1, 1)).contiguous()
        channels_last = features.permute(0, 2, 3, 4, 1).flatten(1).contiguous()
        rays = [value.contiguous() for value in (starts, spans, steps, phases)]
        ctx.size, channels = tuple(features.shape[2:]), features.shape[1]
        make_grids, grids = partial(Grids, size=ctx.size), (bordered, channels_last)
        return run_forward(ctx, march_forward, make_grids, grids, rays, samples, feature_samples, channels)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        from shelfnet.renderer.march_kernels import Grids, march_backward

        make_grids = partial(Grids, size=ctx.size)
        (d_occupancy, d_features), d_rays = run_backward(ctx, march_backward, make_grids, gradients)
        inner = slice(1, -1)
        return (
            d_occupancy[:, None, inner, inner, inner],
            d_features.unflatten(1, (*ctx.size, -1)).permute(0, 4, 1, 2, 3),
            *d_rays,
            *[None] * 3,
        )
