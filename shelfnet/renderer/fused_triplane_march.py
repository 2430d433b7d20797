"""March along rays through tri-plane fields on a CPU, in compiled loops that store nothing per sample but its weight.

:func:`shelfnet.renderer.ray_march.march_rays` is the reference.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from shelfnet.renderer.object_threads import arrays_of, for_each_object
from shelfnet.renderer.ray_march import MarchedRays, RaySegments
from shelfnet.representations.triplane import PerceptronDecoder, TriplaneField, TwoLayerPerceptron


def can_fuse_triplanes(field: TriplaneField) -> bool:
    """Whether the compiled loops cover a field: square planes and a head of two perceptrons."""
    head = field.head
    return (
        isinstance(head, PerceptronDecoder)
        and isinstance(head.to_occupancy, TwoLayerPerceptron)
        and isinstance(head.to_features, TwoLayerPerceptron)
        and field.planes.shape[-1] == field.planes.shape[-2]
    )


def march_triplanes(
    field: TriplaneField, segments: RaySegments, samples: int, feature_samples: int | None
) -> MarchedRays:
    """Evaluate a tri-plane field along rays, as :func:`shelfnet.renderer.ray_march.march_rays`.

    The first layer of the head is linear, and so are the projections to the planes: the layer is applied to the planes
    once, rather than at every sample. The last layer of the features is applied to their mean along a ray.
    """
    assert isinstance(field.head, PerceptronDecoder)
    to_occupancy, to_features = field.head.to_occupancy, field.head.to_features
    with torch.autocast("cpu", enabled=False):
        occupancy, hidden = (_apply_first_layer(layers.first, field.planes) for layers in (to_occupancy, to_features))
        shared = field.planes.new_zeros(len(field.planes), 0, 0, 0)
        if field.shared_logits is not None:
            shared = field.shared_logits.squeeze(1)
        steps = segments.lengths / (samples * field.voxel_size)
        used = samples if feature_samples is None else min(feature_samples, samples)
        weights, opacity, mean = _FusedTriplaneMarch.apply(  # pyright: ignore[reportGeneralTypeIssues]
            occupancy,
            hidden,
            to_occupancy.last.weight.expand(len(occupancy), -1),
            to_occupancy.last.bias.expand(len(occupancy), 1),
            shared,
            segments.starts,
            segments.spans,
            steps,
            segments.phases,
            samples,
            used,
        )
        last = to_features.last
        features = functional.linear(mean[..., :-1], last.weight) + mean[..., -1:] * last.bias
        return MarchedRays(weights, opacity, features)


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


def _apply_first_layer(layer: nn.Linear, planes: Float[Tensor, "b 3 p h w"]) -> Float[Tensor, "b 3 h w k"]:
    """Hidden units before the leaky ReLU; the bias is added to the first plane alone."""
    hidden = functional.linear(planes.movedim(2, -1), layer.weight)
    return torch.cat([hidden[:, :1] + layer.bias, hidden[:, 1:]], dim=1)
