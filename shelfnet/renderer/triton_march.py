"""March along rays through voxel fields on a GPU, in Triton kernels that keep the samples of a ray in registers.

:func:`shelfnet.renderer.ray_march.march_rays` is the reference. Triton's interpreter (``TRITON_INTERPRET=1``) runs the
kernels on a CPU, which the tests use.
"""

import os
from functools import cache
from importlib.util import find_spec
from typing import Any, TypeGuard

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from shelfnet.renderer.ray_march import FEATURE_EPSILON, MarchedRays, RaySegments
from shelfnet.representations.field import Field
from shelfnet.representations.voxels import VoxelField

VISIBILITY_BLOCK, MIXING_BLOCK = 128, 8
"""Number of rays of a program; programs that mix features hold eight corners with all channels for each of them."""

INTERPRETED_BLOCK = 1024
"""Number of rays of a program in the interpreter, whose time depends on the number of operations, not on their size."""


@cache
def has_triton() -> bool:
    """Whether Triton is installed, which compiles the kernels."""
    return find_spec("triton") is not None


def can_march(field: Field, rays: Tensor) -> TypeGuard[VoxelField]:
    """Whether :func:`march_rays_triton` covers a field and a tensor of its rays: voxels and float32 rays on CUDA."""
    if not isinstance(field, VoxelField) or not has_triton() or rays.dtype != torch.float32:
        return False
    return rays.device.type == "cuda" or (rays.device.type == "cpu" and os.environ.get("TRITON_INTERPRET") == "1")


def march_rays_triton(
    field: VoxelField, segments: RaySegments, samples: int, feature_samples: int | None, *, mix: bool = True
) -> MarchedRays:
    """Evaluate a field along rays, as :func:`shelfnet.renderer.ray_march.march_rays`.

    Differentiable once, in the grids and the segments. Rays of zero length have weights of zero.

    Args:
        field: Decoded objects.
        segments: Rays through each object.
        samples: Samples per ray.
        feature_samples: Number of samples with the largest weights at which features are evaluated; ``None``
            evaluates all.
        mix: Whether a kernel mixes the features too; otherwise ``field`` accumulates them.
    """
    steps = segments.lengths / (samples * field.voxel_size)
    rays = (segments.starts, segments.spans, segments.phases)
    weights, opacity = _Visibility.apply(field.occupancy_grid, *rays, steps, samples)  # pyright: ignore[reportGeneralTypeIssues]
    used, chosen = weights, None
    if feature_samples is not None and feature_samples < samples:
        chosen = weights.topk(feature_samples, dim=1, sorted=False).indices.sort(dim=1).values
        used = weights.gather(1, chosen)
    if mix:
        mean = _Mixing.apply(field.feature_grid, *rays, used, chosen, samples)
    else:
        places = torch.arange(samples, device=used.device)[:, None] if chosen is None else chosen
        offsets = ((places + segments.phases[:, None]) / samples).transpose(1, 2)
        points = segments.starts[..., None, :] + offsets[..., None] * segments.spans[..., None, :]
        total = field.accumulate_features(points, used.transpose(1, 2))
        mean = total / (used.sum(dim=1)[..., None] + FEATURE_EPSILON)
    return MarchedRays(weights.transpose(1, 2), opacity, mean)  # pyright: ignore[reportArgumentType]


class _Visibility(torch.autograd.Function):
    """Weights ``b s r`` and opacity ``b r`` from occupancy, starts, spans, phases and steps."""

    @staticmethod
    def forward(
        ctx: Any, occupancy: Tensor, starts: Tensor, spans: Tensor, phases: Tensor, steps: Tensor, samples: int
    ) -> tuple[Tensor, Tensor]:
        from shelfnet.renderer.triton_kernels import visibility_forward

        inputs = [value.contiguous() for value in (occupancy.float(), starts, spans, steps, phases)]
        objects, rays = steps.shape
        weights, opacity, transmittance = steps.new_empty(objects, samples, rays), *steps.new_empty(2, objects, rays)
        sizes = (rays, samples, *occupancy.shape[2:])
        block = _block(steps, VISIBILITY_BLOCK)
        if steps.numel() > 0:
            visibility_forward[_programs(steps, block)](*inputs, weights, opacity, transmittance, *sizes, block=block)
        ctx.save_for_backward(*inputs, weights, transmittance)
        ctx.set_materialize_grads(False)
        ctx.sizes, ctx.occupancy_dtype = sizes, occupancy.dtype
        return weights, opacity

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_weights: Tensor | None, d_opacity: Tensor | None) -> tuple[Tensor | None, ...]:
        from shelfnet.renderer.triton_kernels import visibility_backward

        *inputs, weights, transmittance = ctx.saved_tensors
        occupancy, starts, spans, steps, _ = inputs
        d_occupancy, d_starts, d_spans, d_steps = map(torch.zeros_like, (occupancy, starts, spans, steps))
        d_weights = torch.zeros_like(weights) if d_weights is None else d_weights.contiguous()
        d_opacity = torch.zeros_like(steps) if d_opacity is None else d_opacity.contiguous()
        with_rays = any(ctx.needs_input_grad[index] for index in (1, 2, 4))
        block = _block(steps, VISIBILITY_BLOCK)
        if steps.numel() > 0:
            visibility_backward[_programs(steps, block)](
                *inputs, weights, transmittance, d_weights, d_opacity, d_occupancy, d_starts, d_spans, d_steps,
                *ctx.sizes, with_rays=with_rays, block=block,
            )  # fmt: skip
        d_rays = (d_starts, d_spans, None, d_steps) if with_rays else (None,) * 4
        return d_occupancy.to(ctx.occupancy_dtype), *d_rays, None


class _Mixing(torch.autograd.Function):
    """Mean features ``b r c`` from features, starts, spans, phases and the weights ``b u r`` of the used samples."""

    @staticmethod
    def forward(
        ctx: Any,
        features: Tensor,
        starts: Tensor,
        spans: Tensor,
        phases: Tensor,
        used: Tensor,
        chosen: Tensor | None,
        samples: int,
    ) -> Tensor:
        from shelfnet.renderer.triton_kernels import mixing_forward

        grid = features.permute(0, 2, 3, 4, 1).contiguous()
        inputs = [grid, *(value.contiguous() for value in (starts, spans, phases, used))]
        inputs.append(inputs[-1] if chosen is None else chosen.contiguous())
        channels = features.shape[1]
        mean = starts.new_empty(*starts.shape[:2], channels)
        ctx.numbers = (starts.shape[1], samples, used.shape[1], channels, *features.shape[2:])
        ctx.constants = {
            "is_chosen": chosen is not None,
            "block": _block(starts, MIXING_BLOCK),
            "channel_block": _power_of_two(channels),
        }
        if mean.numel() > 0:
            mixing_forward[_programs(starts, ctx.constants["block"])](*inputs, mean, *ctx.numbers, **ctx.constants)
        ctx.save_for_backward(*inputs, mean)
        return mean

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_mean: Tensor) -> tuple[Tensor | None, ...]:
        from shelfnet.renderer.triton_kernels import mixing_backward

        grid, starts, spans, _, used, *_ = ctx.saved_tensors
        d_grid = torch.zeros_like(grid, dtype=torch.float32)
        d_starts, d_spans, d_used = map(torch.zeros_like, (starts, spans, used))
        with_rays = any(ctx.needs_input_grad[1:3])
        if d_mean.numel() > 0:
            mixing_backward[_programs(starts, ctx.constants["block"])](
                *ctx.saved_tensors, d_mean.contiguous(), d_grid, d_starts, d_spans, d_used,
                *ctx.numbers, with_rays=with_rays, **ctx.constants,
            )  # fmt: skip
        d_rays = (d_starts, d_spans) if with_rays else (None, None)
        return d_grid.permute(0, 4, 1, 2, 3).to(grid.dtype), *d_rays, None, d_used, None, None


def _block(rays: Tensor, block: int) -> int:
    """Number of rays of a program on the device of the rays."""
    return block if rays.is_cuda else INTERPRETED_BLOCK


def _programs(rays: Tensor, block: int) -> tuple[int, int]:
    """Grid of programs for rays ``b r ...``: blocks of rays, objects."""
    return -(-rays.shape[1] // block), len(rays)


def _power_of_two(number: int) -> int:
    """Smallest power of two that is not below."""
    return 1 << (number - 1).bit_length()
