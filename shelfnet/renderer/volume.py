"""The neural renderer (Eq. 3): one ray a pixel, samples weighted by occupancy along it."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from shelfnet.geometry.cameras import camera_rays
from shelfnet.representations.field import Field


@dataclass(frozen=True)
class RayFeatures:
    """What a field shows along the rays of a view.

    Attributes:
        features: mean of the features along a ray, weighted by visibility; any value where the mask is zero.
        mask: opacity of the whole ray, in [0, 1].
    """

    features: Float[Tensor, "b h w c"]
    mask: Float[Tensor, "b h w"]


def render_features(
    field: Field,
    cam2world: Float[Tensor, "b 4 4"],
    fov: float,
    resolution_px: int,
    samples_per_ray: int,
    feature_samples_per_ray: int | None = None,
    generator: torch.Generator | None = None,
) -> RayFeatures:
    """March along every ray through the unit cube and aggregate features by visibility.

    An occupancy is the opacity of a path one voxel long, so that neither the number of samples nor the length of a
    ray's chord through the cube changes what is seen.

    Args:
        field: objects, one a camera.
        cam2world: OpenCV cameras outside the cube.
        fov: field of view in radians.
        resolution_px: height and width of the picture.
        samples_per_ray: samples between entering and leaving the cube.
        feature_samples_per_ray: features are gathered at this many samples alone, those that show most of the ray's
            colour; at all of them where ``None``.
        generator: moves the samples at random within their steps; without one they sit in the middle.
    """
    origins, directions = camera_rays(cam2world, fov, resolution_px)
    flat = directions.flatten(1, 2)
    near, chord = cube_chord(origins, flat)
    offsets = _sample_offsets(near.shape, samples_per_ray, near, generator)
    distances = near[..., None] + chord[..., None] * offsets
    points = origins[:, None, None, :] + distances[..., None] * flat[..., None, :]
    step_in_voxels = chord[..., None] / (samples_per_ray * field.voxel_size)
    if feature_samples_per_ray is None or feature_samples_per_ray >= samples_per_ray:
        occupancy, features = field.sample(points.flatten(1, 2))
        weights = visibility_weights(occupancy.unflatten(1, (-1, samples_per_ray)), step_in_voxels)
        shown = weights
    else:
        occupancy = field.occupancy(points.flatten(1, 2))
        weights = visibility_weights(occupancy.unflatten(1, (-1, samples_per_ray)), step_in_voxels)
        shown, index = weights.topk(feature_samples_per_ray, dim=-1, sorted=False)
        at = points.gather(2, index[..., None].expand(-1, -1, -1, 3))
        features = field.features(at.flatten(1, 2))
    summed = torch.einsum("brs,brsc->brc", shown, features.unflatten(1, (-1, shown.shape[-1])))
    mean = summed / (shown.sum(dim=-1, keepdim=True) + 1e-4)
    shape = (resolution_px, resolution_px)
    return RayFeatures(mean.unflatten(1, shape), weights.sum(dim=-1).unflatten(1, shape))


def cube_chord(
    origins: Float[Tensor, "b 3"], directions: Float[Tensor, "b r 3"]
) -> tuple[Float[Tensor, "b r"], Float[Tensor, "b r"]]:
    """Distance to where a ray enters [-1/2, 1/2]^3, and the length of its chord: zero for a ray that misses."""
    safe = torch.where(directions.abs() < 1e-9, torch.full_like(directions, 1e-9), directions)
    first, second = (-0.5 - origins[:, None]) / safe, (0.5 - origins[:, None]) / safe
    near = torch.minimum(first, second).amax(dim=-1)
    far = torch.maximum(first, second).amin(dim=-1)
    return near, (far - near).clamp(min=0.0)


def visibility_weights(
    occupancy: Float[Tensor, "b r s"], step_in_voxels: Float[Tensor, "b r 1"]
) -> Float[Tensor, "b r s"]:
    """Share of each sample in what its ray shows: its opacity times the transparency of all before it."""
    log_clear = torch.log1p(-occupancy.clamp(max=1.0 - 1e-5)) * step_in_voxels
    clear_after = torch.exp(torch.cumsum(log_clear, dim=-1))
    clear_before = torch.cat([torch.ones_like(clear_after[..., :1]), clear_after[..., :-1]], dim=-1)
    return clear_before - clear_after


def _sample_offsets(
    shape: torch.Size, samples: int, like: Tensor, generator: torch.Generator | None
) -> Float[Tensor, "*b s"]:
    starts = torch.arange(samples, device=like.device, dtype=like.dtype)
    if generator is None:
        return (starts + 0.5).expand(*shape, samples) / samples
    jitter = torch.rand((*shape, 1), device=like.device, dtype=like.dtype, generator=generator)
    return (starts + jitter) / samples
