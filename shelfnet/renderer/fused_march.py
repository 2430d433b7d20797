"""March along rays through fields on a CPU, in compiled loops that keep the samples of a ray in the cache.

:func:`shelfnet.renderer.ray_march.march_rays` is the reference.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeGuard

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from shelfnet.renderer.compiled_loops import can_compile, for_each_object, object_arrays
from shelfnet.renderer.ray_march import MarchedRays, RaySegments
from shelfnet.representations.field import Field
from shelfnet.representations.triplane import PerceptronDecoder, TriplaneField, TwoLayerPerceptron
from shelfnet.representations.voxels import VoxelField


def can_fuse(field: Field, rays: Tensor) -> TypeGuard[VoxelField | TriplaneField]:
    """Whether :func:`march_rays_fused` covers a field and a tensor of its rays: fields in float32 on a CPU."""
    match field:
        case VoxelField():
            tensors = (field.occupancy_grid, field.feature_grid, rays)
        case TriplaneField() if can_fuse_triplanes(field):
            tensors = (field.planes, rays) if field.shared_logits is None else (field.planes, field.shared_logits, rays)
        case _:
            return False
    return can_compile(*tensors)


def can_fuse_triplanes(field: TriplaneField) -> bool:
    """Whether the compiled loops cover a field: square planes and a head of two perceptrons."""
    head = field.head
    return (
        isinstance(head, PerceptronDecoder)
        and isinstance(head.to_occupancy, TwoLayerPerceptron)
        and isinstance(head.to_features, TwoLayerPerceptron)
        and field.planes.shape[-1] == field.planes.shape[-2]
    )


def march_rays_fused(
    field: VoxelField | TriplaneField, segments: RaySegments, samples: int, feature_samples: int | None
) -> MarchedRays:
    """Evaluate a field along rays, as :func:`march_rays`.

    Differentiable once, in the field and the segments. Rays of zero length are skipped. Threads share the objects, so
    that results do not depend on the number of threads.
    """
    steps = segments.lengths / (samples * field.voxel_size)
    used = samples if feature_samples is None else min(feature_samples, samples)
    rays = (segments.starts, segments.spans, steps, segments.phases)
    if isinstance(field, TriplaneField):
        return _march_triplanes(field, samples, used, *rays)
    return _march_voxels(field, samples, used, *rays)


@dataclass(frozen=True)
class _Kernels:
    """Compiled loops over the rays of one object.

    Attributes:
        make_field: Makes the field of one object from its arrays.
        forward: Loop of the forward pass.
        backward: Loop of the backward pass.
        channels: Number of mean features.
    """

    make_field: Callable[..., Any]
    forward: Callable[..., None]
    backward: Callable[..., None]
    channels: int


def _march_voxels(field: VoxelField, samples: int, used: int, *rays: Tensor) -> MarchedRays:
    from shelfnet.renderer.march_kernels import Grids, march_backward, march_forward

    _, channels, *size = field.feature_grid.shape
    bordered = functional.pad(field.occupancy_grid.squeeze(1), (1, 1, 1, 1, 1, 1))
    channels_last = field.feature_grid.permute(0, 2, 3, 4, 1).flatten(1)
    kernels = _Kernels(partial(Grids, size=tuple(size)), march_forward, march_backward, channels)
    return MarchedRays(*_FusedMarch.apply(kernels, samples, used, bordered, channels_last, *rays))  # pyright: ignore[reportGeneralTypeIssues]


def _march_triplanes(field: TriplaneField, samples: int, used: int, *rays: Tensor) -> MarchedRays:
    """March through a tri-plane field, storing nothing per sample but its weight.

    The first layer of the head is linear, and so are the projections to the planes: the layer is applied to the planes
    once, rather than at every sample. The last layer of the features is applied to their mean along a ray.
    """
    from shelfnet.renderer.triplane_kernels import Planes, march_triplanes_backward, march_triplanes_forward

    assert isinstance(field.head, PerceptronDecoder)
    to_occupancy, to_features = field.head.to_occupancy, field.head.to_features
    with torch.autocast("cpu", enabled=False):
        occupancy, hidden = (_apply_first_layer(layers.first, field.planes) for layers in (to_occupancy, to_features))
        output = [value.expand(len(occupancy), -1) for value in (to_occupancy.last.weight, to_occupancy.last.bias)]
        shared = field.planes.new_zeros(len(field.planes), 0, 0, 0)
        if field.shared_logits is not None:
            shared = field.shared_logits.squeeze(1)
        kernels = _Kernels(Planes, march_triplanes_forward, march_triplanes_backward, hidden.shape[-1] + 1)
        planes = (occupancy, hidden, *output, shared)
        weights, opacity, mean = _FusedMarch.apply(kernels, samples, used, *planes, *rays)  # pyright: ignore[reportGeneralTypeIssues]
        last = to_features.last
        features = functional.linear(mean[..., :-1], last.weight) + mean[..., -1:] * last.bias
        return MarchedRays(weights, opacity, features)


def _apply_first_layer(layer: nn.Linear, planes: Float[Tensor, "b 3 p h w"]) -> Float[Tensor, "b 3 h w k"]:
    """Hidden units before the leaky ReLU; the bias is added to the first plane alone."""
    hidden = functional.linear(planes.movedim(2, -1), layer.weight)
    return torch.cat([hidden[:, :1] + layer.bias, hidden[:, 1:]], dim=1)


class _FusedMarch(torch.autograd.Function):
    """Weights, opacity and mean features from the tensors of a field, starts, spans, steps and phases."""

    @staticmethod
    def forward(ctx: Any, kernels: _Kernels, samples: int, used: int, *tensors: Tensor) -> tuple[Tensor, ...]:
        from shelfnet.renderer.march_kernels import Rays, Samples

        whole = [tensor.detach().contiguous() for tensor in tensors]
        field, rays = whole[:-4], whole[-4:]
        steps = rays[2]
        sampled, weights = steps.new_zeros(2, *steps.shape, samples)
        opacity, mean = steps.new_zeros(steps.shape), steps.new_zeros(*steps.shape, kernels.channels)
        result = (sampled, weights, opacity, mean)

        def march(o: int) -> None:
            own_rays, own_result = Rays(*object_arrays(rays, o)), Samples(*object_arrays(result, o))
            kernels.forward(kernels.make_field(*object_arrays(field, o)), own_rays, used, own_result)

        for_each_object(march, len(steps))
        ctx.save_for_backward(*whole, *result)
        ctx.set_materialize_grads(False)
        ctx.kernels, ctx.used = kernels, used
        return weights, opacity, mean

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        from shelfnet.renderer.march_kernels import Rays, Samples

        kernels: _Kernels = ctx.kernels
        field, rays, result = ctx.saved_tensors[:-8], ctx.saved_tensors[-8:-4], ctx.saved_tensors[-4:]
        sampled, weights, opacity, mean = result
        d_weights, d_opacity, d_mean = gradients
        d_result = (
            sampled,
            weights[:, :0] if d_weights is None else d_weights.contiguous(),
            torch.zeros_like(opacity) if d_opacity is None else d_opacity.contiguous(),
            torch.zeros_like(mean) if d_mean is None else d_mean.contiguous(),
        )
        d_field, d_rays = [[torch.zeros_like(value) for value in values] for values in (field, rays)]
        with_rays = any(ctx.needs_input_grad[-4:-1])

        def march(o: int) -> None:
            own_field, own_rays = kernels.make_field(*object_arrays(field, o)), Rays(*object_arrays(rays, o))
            own_result, own_d_result = Samples(*object_arrays(result, o)), Samples(*object_arrays(d_result, o))
            own_d_field, own_d_rays = kernels.make_field(*object_arrays(d_field, o)), Rays(*object_arrays(d_rays, o))
            kernels.backward(
                own_field, own_rays, ctx.used, own_result, own_d_result, own_d_field, own_d_rays, with_rays
            )

        for_each_object(march, len(opacity))
        return None, None, None, *d_field, *(d_rays[:3] if with_rays else [None] * 3), None
