"""March along rays through tri-plane fields on a CPU, in compiled loops that store nothing per sample but its weight.

:func:`shelfnet.renderer.ray_march.march_rays` is the reference.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from shelfnet.renderer.object_threads import arrays_of, for_each_object
from shelfnet.renderer.ray_march import MarchedRays, RaySegments
from shelfnet.representations.triplane import TriplaneField, TwoLayerDecoder

LEAK = 0.2
"""Slope of the leaky ReLU, which the compiled loops contain as a constant."""


def can_fuse_triplanes(field: TriplaneField) -> bool:
    """Whether the compiled loops cover a field: square planes, and a head of two linear layers and a leaky ReLU."""
    return (
        isinstance(field.head, TwoLayerDecoder)
        and _has_two_layers(field.head.to_occupancy)
        and _has_two_layers(field.head.to_features)
        and field.planes.shape[-1] == field.planes.shape[-2]
    )


def march_triplanes(
    field: TriplaneField, segments: RaySegments, samples: int, feature_samples: int | None
) -> MarchedRays:
    """Evaluate a tri-plane field along rays, as :func:`shelfnet.renderer.ray_march.march_rays`.

    The first layer of the head is linear, and so are the projections to the planes: the layer is applied to the planes
    once, rather than at every sample. The last layer of the features is applied to their mean along a ray.
    """
    assert isinstance(field.head, TwoLayerDecoder)
    with torch.autocast("cpu", enabled=False):
        occupancy, features = (
            _apply_first_layer(layers[0], field.planes) for layers in (field.head.to_occupancy, field.head.to_features)
        )
        last = field.head.to_occupancy[2]
        shared = field.planes.new_zeros(len(field.planes), 0, 0, 0)
        if field.shared_logits is not None:
            shared = field.shared_logits.squeeze(1)
        steps = segments.lengths / (samples * field.voxel_size)
        used = samples if feature_samples is None else min(feature_samples, samples)
        weights, opacity, mean = _FusedTriplaneMarch.apply(  # pyright: ignore[reportGeneralTypeIssues]
            occupancy,
            features,
            last.weight.expand(len(occupancy), -1),
            last.bias.expand(len(occupancy), 1),
            shared,
            segments.starts,
            segments.spans,
            steps,
            segments.phases,
            samples,
            used,
        )
        last = field.head.to_features[2]
        return MarchedRays(
            weights, opacity, functional.linear(mean[..., :-1], last.weight) + mean[..., -1:] * last.bias
        )


class _FusedTriplaneMarch(torch.autograd.Function):
    """Weights, opacity and mean hidden units from planes, output layer, shared logits, starts, spans and steps."""

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> tuple[Tensor, Tensor, Tensor]:
        from shelfnet.renderer.march_kernels import Rays, Samples
        from shelfnet.renderer.triplane_kernels import Planes, march_triplanes_forward

        *tensors, samples, feature_samples = inputs
        tensors = [tensor.detach().contiguous() for tensor in tensors]
        planes, rays = tensors[:5], tensors[5:]
        features, steps = planes[1], rays[2]
        sampled, weights = steps.new_zeros(2, *steps.shape, samples)
        opacity, mean = steps.new_zeros(steps.shape), steps.new_zeros(*steps.shape, features.shape[-1] + 1)
        result = (sampled, weights, opacity, mean)

        def march(o: int) -> None:
            march_triplanes_forward(
                Planes(*arrays_of(planes, o)),
                Rays(*arrays_of(rays, o)),
                feature_samples,
                Samples(*arrays_of(result, o)),
            )

        for_each_object(march, len(steps))
        ctx.save_for_backward(*planes, *rays, *result)
        ctx.set_materialize_grads(False)
        ctx.feature_samples = feature_samples
        return weights, opacity, mean

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, d_weights: Tensor | None, d_opacity: Tensor | None, d_mean: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        from shelfnet.renderer.march_kernels import Rays, Samples
        from shelfnet.renderer.triplane_kernels import Planes, march_triplanes_backward

        saved = ctx.saved_tensors
        planes, rays, result = saved[:5], saved[5:9], saved[9:]
        sampled, weights, opacity, mean = result
        d_result = (
            sampled,
            weights[:, :0] if d_weights is None else d_weights.contiguous(),
            torch.zeros_like(opacity) if d_opacity is None else d_opacity.contiguous(),
            torch.zeros_like(mean) if d_mean is None else d_mean.contiguous(),
        )
        d_planes, d_rays = [[torch.zeros_like(value) for value in values] for values in (planes, rays)]
        with_rays = any(ctx.needs_input_grad[5:8])

        def march(o: int) -> None:
            march_triplanes_backward(
                Planes(*arrays_of(planes, o)),
                Rays(*arrays_of(rays, o)),
                ctx.feature_samples,
                Samples(*arrays_of(result, o)),
                Samples(*arrays_of(d_result, o)),
                Planes(*arrays_of(d_planes, o)),
                Rays(*arrays_of(d_rays, o)),
                with_rays,
            )

        for_each_object(march, len(opacity))
        return (*d_planes, *(d_rays[:3] if with_rays else [None] * 3), *[None] * 3)


def _has_two_layers(layers: nn.Sequential) -> bool:
    match list(layers):
        case [nn.Linear(), nn.LeakyReLU(negative_slope=slope), nn.Linear()]:
            return slope == LEAK
        case _:
            return False


def _apply_first_layer(layer: nn.Module, planes: Tensor) -> Tensor:
    """Hidden units ``b 3 h w k`` before the leaky ReLU; the bias is added to the first plane alone."""
    assert isinstance(layer, nn.Linear)
    hidden = functional.linear(planes.movedim(2, -1), layer.weight)
    if layer.bias is None:
        return hidden
    return torch.cat([hidden[:, :1] + layer.bias, hidden[:, 1:]], dim=1)
