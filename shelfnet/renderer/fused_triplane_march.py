"""March along rays through tri-plane fields on a CPU, in compiled loops that store nothing per sample but its weight.

:func:`shelfnet.renderer.ray_march.march_rays` is the reference.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from shelfnet.renderer.compiled_march import run_backward, run_forward
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
        from shelfnet.renderer.triplane_kernels import Planes, march_triplanes_forward

        *tensors, samples, feature_samples = inputs
        tensors = [tensor.detach().contiguous() for tensor in tensors]
        planes, rays = tensors[:5], tensors[5:]
        units = planes[1].shape[-1] + 1
        return run_forward(ctx, march_triplanes_forward, Planes, planes, rays, samples, feature_samples, units)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        from shelfnet.renderer.triplane_kernels import Planes, march_triplanes_backward

        d_planes, d_rays = run_backward(ctx, march_triplanes_backward, Planes, gradients)
        return (*d_planes, *d_rays, *[None] * 3)


def _apply_first_layer(layer: nn.Linear, planes: Float[Tensor, "b 3 p h w"]) -> Float[Tensor, "b 3 h w k"]:
    """Hidden units before the leaky ReLU; the bias is added to the first plane alone."""
    hidden = functional.linear(planes.movedim(2, -1), layer.weight)
    return torch.cat([hidden[:, :1] + layer.bias, hidden[:, 1:]], dim=1)
