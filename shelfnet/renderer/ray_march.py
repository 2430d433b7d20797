"""March along rays through the cube: occupancies, rendering weights and mean features, in tensor operations.

:mod:`shelfnet.renderer.fused_march` computes the same in compiled loops on a CPU.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from shelfnet.representations.field import Field

MAX_OCCUPANCY = 1.0 - 1e-5
"""Larger occupancies count as this one, so that every path has a transmittance above zero."""

FEATURE_EPSILON = 1e-4
"""Added to the sum of the weights that a mean feature is divided by."""


@dataclass(frozen=True)
class RaySegments:
    """The parts of rays that lie inside the cube, batched over objects.

    Sample ``s`` of ``n`` lies at ``start + (s + phase) / n * span``.

    Attributes:
        starts: Entries into the cube in object units.
        spans: Vectors from the entries to the exits; zero for rays that miss the cube.
        lengths: Lengths of the spans.
        phases: Positions of the samples within their intervals, in [0, 1]; no gradient.
    """

    starts: Float[Tensor, "b r 3"]
    spans: Float[Tensor, "b r 3"]
    lengths: Float[Tensor, "b r"]
    phases: Float[Tensor, "b r"]


@dataclass(frozen=True)
class MarchedRays:
    """What rays see.

    Attributes:
        weights: Contribution of each sample to its ray.
        opacity: Sum of the weights of a ray.
        features: Mean of the features along each ray, by weight.
    """

    weights: Float[Tensor, "b r s"]
    opacity: Float[Tensor, "b r"]
    features: Float[Tensor, "b r c"]


def march_rays(field: Field, segments: RaySegments, samples: int, feature_samples: int | None) -> MarchedRays:
    """Evaluate a field along rays.

    Args:
        field: Decoded objects.
        segments: Rays through each object.
        samples: Samples per ray.
        feature_samples: Number of samples with the largest weights at which features are evaluated; ``None``
            evaluates all.
    """
    intervals = torch.arange(samples, device=segments.phases.device, dtype=segments.phases.dtype)
    offsets = (intervals + segments.phases[..., None]) / samples
    points = segments.starts[..., None, :] + offsets[..., None] * segments.spans[..., None, :]
    step_in_voxels = segments.lengths[..., None] / (samples * field.voxel_size)
    if feature_samples is None or feature_samples >= samples:
        weights, total = field.march(points, lambda occupancy: visibility_weights(occupancy, step_in_voxels))
        used = weights
    else:
        occupancy = field.occupancy(points.flatten(1, 2)).unflatten(1, points.shape[1:3])
        weights = visibility_weights(occupancy, step_in_voxels)
        used, index = weights.topk(feature_samples, dim=-1, sorted=False)
        total = field.accumulate_features(points.gather(2, index[..., None].expand(-1, -1, -1, 3)), used)
    mean = total / (used.sum(dim=-1, keepdim=True) + FEATURE_EPSILON)
    return MarchedRays(weights, weights.sum(dim=-1), mean)


def visibility_weights(
    occupancy: Float[Tensor, "b r s"], step_in_voxels: Float[Tensor, "b r 1"]
) -> Float[Tensor, "b r s"]:
    """Rendering weight of each sample: its opacity times the transmittance of the samples before it."""
    log_transparency = torch.log1p(-occupancy.clamp(max=MAX_OCCUPANCY)) * step_in_voxels
    transmittance_after = torch.exp(torch.cumsum(log_transparency, dim=-1))
    first = torch.ones_like(transmittance_after[..., :1])
    transmittance_before = torch.cat([first, transmittance_after[..., :-1]], dim=-1)
    return transmittance_before - transmittance_after
