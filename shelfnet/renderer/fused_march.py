"""March along rays through voxel fields on a CPU, in compiled loops that keep the samples of a ray in the cache.

:func:`shelfnet.renderer.ray_march.march_rays` is the reference.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.util import find_spec
from typing import Any, TypeGuard

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from shelfnet.renderer.ray_march import MarchedRays, RaySegments
from shelfnet.representations.field import Field
from shelfnet.representations.voxels import VoxelField


@cache
def has_compiler() -> bool:
    """Whether numba is installed, which compiles the loops."""
    return find_spec("numba") is not None


def can_fuse(field: Field, rays: Tensor) -> TypeGuard[VoxelField]:
    """Whether :func:`march_rays_fused` covers a field and a tensor of its rays: voxels in float32 on a CPU."""
    if not isinstance(field, VoxelField) or not has_compiler():
        return False
    tensors = (field.occupancy_grid, field.feature_grid, rays)
    return all(tensor.device.type == "cpu" and tensor.dtype == torch.float32 for tensor in tensors)


def march_rays_fused(
    field: VoxelField, segments: RaySegments, samples: int, feature_samples: int | None
) -> MarchedRays:
    """Evaluate a field along rays, as :func:`march_rays`.

    Differentiable once, in the grids and the segments. Rays of zero length are skipped. Threads share the objects, so
    that results do not depend on the number of threads.
    """
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
                Grids(*_arrays(grids, o), size=size),
                Rays(*_arrays(rays, o)),
                feature_samples,
                Samples(*_arrays(result, o)),
            )

        _for_each_object(march, len(steps))
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
                Grids(*_arrays(grids, o), size=ctx.size),
                Rays(*_arrays(rays, o)),
                ctx.feature_samples,
                Samples(*_arrays(saved[6:], o)),
                Samples(*_arrays(d_result, o)),
                Grids(*_arrays(d_grids, o), size=ctx.size),
                Rays(*_arrays(d_rays, o)),
                with_rays,
            )

        _for_each_object(march, len(opacity))
        d_occupancy, d_features = d_grids
        inner = slice(1, -1)
        return (
            d_occupancy[:, None, inner, inner, inner],
            d_features.unflatten(1, (*ctx.size, -1)).permute(0, 4, 1, 2, 3),
            *(d_rays[:3] if with_rays else [None] * 3),
            *[None] * 3,
        )


def _arrays(tensors: Sequence[Tensor], index: int) -> list[np.ndarray]:
    """One object's part of tensors, without copies."""
    return [tensor.detach().numpy()[index] for tensor in tensors]


def _for_each_object(work: Callable[[int], None], objects: int) -> None:
    """Call ``work`` with the index of every object, in as many threads as torch uses."""
    threads = min(torch.get_num_threads(), objects)
    if threads <= 1:
        for index in range(objects):
            work(index)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(objects)))
