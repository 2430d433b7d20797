"""The neural renderer (Eq. 3): one ray a pixel, samples weighted by occupancy along it."""

import math
from dataclasses import dataclass
from functools import cache

import torch
from jaxtyping import Float, Int
from torch import Tensor

from shelfnet.geometry.cameras import camera_rays, look_at_origin
from shelfnet.representations.field import Field


@dataclass(frozen=True)
class RayWeights:
    """Where along its rays an image's opacity lies.

    Attributes:
        weights: share of each sample in what its ray shows.
        chord: length of each ray inside the cube, object units; samples divide it into equal parts.
        pixels: of an image; rays that cannot hit the cube are left out.
    """

    weights: Float[Tensor, "b r s"]
    chord: Float[Tensor, "b r"]
    pixels: int


@dataclass(frozen=True)
class RayFeatures:
    """What a field shows along the rays of a view.

    Attributes:
        features: mean of the features along a ray, weighted by visibility; any value where the mask is zero.
        mask: opacity of the whole ray, in [0, 1].
        rays: where along the rays that opacity lies.
    """

    features: Float[Tensor, "b h w c"]
    mask: Float[Tensor, "b h w"]
    rays: RayWeights


def render_features(
    field: Field,
    cam2world: Float[Tensor, "b 4 4"],
    fov: float,
    resolution_px: int,
    samples_per_ray: int,
    *,
    feature_samples_per_ray: int | None = None,
    jitter: Float[Tensor, "b p 1"] | None = None,
    views_per_object: int = 1,
    marched_rays: int | None = None,
) -> RayFeatures:
    """March along every ray through the unit cube and aggregate features by visibility.

    An occupancy is the opacity of a path one voxel long, so that neither the number of samples nor the length of a
    ray's chord through the cube changes what is seen.

    Args:
        field: objects.
        cam2world: OpenCV cameras outside the cube; the cameras of an object are adjacent.
        fov: field of view in radians.
        resolution_px: height and width of the image.
        samples_per_ray: samples between entering and leaving the cube.
        feature_samples_per_ray: features are gathered at this many samples alone, those that show most of the ray's
            colour; at all of them where ``None``.
        jitter: place of a pixel's samples within their steps, in [0, 1); without it they sit in the middle.
        views_per_object: cameras of each object.
        marched_rays: how many rays of an image can hit the cube (:func:`most_hits`); the others, which show nothing,
            are left out. All are marched where ``None``.
    """
    rays = _hitting_rays(cam2world, fov, resolution_px, marched_rays)
    offsets = _sample_offsets(rays, samples_per_ray, jitter)
    distances = rays.near[..., None] + rays.chord[..., None] * offsets
    points = rays.origins[:, None, None, :] + distances[..., None] * rays.directions[..., None, :]
    step_in_voxels = rays.chord[..., None] / (samples_per_ray * field.voxel_size)
    weights, mean = _mix(
        field,
        _by_object(points, views_per_object),
        _by_object(step_in_voxels, views_per_object),
        feature_samples_per_ray,
    )
    weights, mean = _by_view(weights, views_per_object), _by_view(mean, views_per_object)
    shown = torch.cat([mean, weights.sum(dim=-1, keepdim=True)], dim=-1)
    image = rays.on_image(shown).unflatten(1, (resolution_px, resolution_px))
    return RayFeatures(
        image[..., :-1], image[..., -1], RayWeights(weights.reshape(*rays.chord.shape, -1), rays.chord, rays.pixels)
    )


def _mix(
    field: Field,
    points: Float[Tensor, "b r s 3"],
    step_in_voxels: Float[Tensor, "b r 1"],
    feature_samples: int | None,
) -> tuple[Float[Tensor, "b r s"], Float[Tensor, "b r c"]]:
    """Weights of the samples of rays, and the mean of the features that the rays show."""
    if feature_samples is None or feature_samples >= points.shape[2]:
        weights, summed = field.march(points, lambda occupancy: visibility_weights(occupancy, step_in_voxels))
        shown = weights
    else:
        occupancy = field.occupancy(points.flatten(1, 2)).unflatten(1, points.shape[1:3])
        weights = visibility_weights(occupancy, step_in_voxels)
        shown, index = weights.topk(feature_samples, dim=-1, sorted=False)
        summed = field.mixed_features(points.gather(2, index[..., None].expand(-1, -1, -1, 3)), shown)
    return weights, summed / (shown.sum(dim=-1, keepdim=True) + 1e-4)


def _by_object(values: Float[Tensor, "v r *any"], views: int) -> Float[Tensor, "b n *any"]:
    """Rays of all views of an object in one row: no object is copied for its views."""
    return values.unflatten(0, (-1, views)).flatten(1, 2)


def _by_view(values: Float[Tensor, "b n *any"], views: int) -> Float[Tensor, "v r *any"]:
    return values.unflatten(1, (views, -1)).flatten(0, 1)


@dataclass(frozen=True)
class _Rays:
    """Rays of every image, with where they enter the cube and the length of their chord.

    Attributes:
        index: pixel of each ray, row by row; ``None`` where the rays are all pixels in order.
        pixels: of an image.
    """

    origins: Float[Tensor, "b 3"]
    directions: Float[Tensor, "b r 3"]
    near: Float[Tensor, "b r"]
    chord: Float[Tensor, "b r"]
    index: Int[Tensor, "b r"] | None
    pixels: int

    def on_image(self, values: Float[Tensor, "b r c"]) -> Float[Tensor, "b p c"]:
        """Values of the rays at their pixels, zero at the pixels without one."""
        if self.index is None:
            return values
        blank = values.new_zeros(len(values), self.pixels, values.shape[-1])
        return blank.scatter(1, self.index[..., None].expand_as(values), values)


def _hitting_rays(cam2world: Float[Tensor, "b 4 4"], fov: float, resolution_px: int, wanted: int | None) -> _Rays:
    with torch.autocast(cam2world.device.type, enabled=False):
        origins, directions = camera_rays(cam2world, fov, resolution_px)
    flat = directions.flatten(1, 2)
    near, chord = cube_chord(origins, flat)
    pixels = flat.shape[1]
    if wanted is None or wanted >= pixels:
        return _Rays(origins, flat, near, chord, None, pixels)
    index = chord.detach().topk(wanted, dim=1, sorted=False).indices
    directions_hit = flat.gather(1, index[..., None].expand(-1, -1, 3))
    return _Rays(origins, directions_hit, near.gather(1, index), chord.gather(1, index), index, pixels)


@cache
def most_hits(fov: float, distance: float, resolution_px: int) -> int:
    """The most rays of an image that hit the cube, from any side of it, with a margin of a fiftieth.

    Args:
        fov: field of view in radians.
        distance: of the camera from the origin, in object units.
        resolution_px: height and width of the image.
    """
    turns = torch.linspace(0.0, 0.25 * math.pi, 16)
    rises = torch.linspace(0.0, 0.49 * math.pi, 24)
    azimuth, elevation = (angles.flatten() for angles in torch.meshgrid(turns, rises, indexing="ij"))
    hits = 0
    for a, e in zip(azimuth.split(32), elevation.split(32), strict=True):
        origins, directions = camera_rays(look_at_origin(a, e, distance), fov, resolution_px)
        _, chord = cube_chord(origins, directions.flatten(1, 2))
        hits = max(hits, int((chord > 0).sum(dim=1).max()))
    return min(math.ceil(1.02 * hits), resolution_px**2)


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


def _sample_offsets(rays: _Rays, samples: int, jitter: Float[Tensor, "b p 1"] | None) -> Float[Tensor, "b r s"]:
    """Places of the samples between entering (0) and leaving (1) the cube."""
    like = rays.chord
    starts = torch.arange(samples, device=like.device, dtype=like.dtype)
    if jitter is None:
        return (starts + 0.5).expand(*like.shape, samples) / samples
    return (starts + (jitter if rays.index is None else jitter.gather(1, rays.index[..., None]))) / samples
