"""Neural renderer pi (Eq. 3): one ray per pixel, samples weighted by occupancy along the ray."""

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
    """Rendering weights of the ray samples of a batch of images.

    Attributes:
        weights: Contribution of each sample to its ray.
        lengths: Length of each ray inside the unit cube, in object units; samples divide it into equal intervals.
        pixels_per_image: Number of pixels per image, including those whose rays are not cast.
    """

    weights: Float[Tensor, "b r s"]
    lengths: Float[Tensor, "b r"]
    pixels_per_image: int


@dataclass(frozen=True)
class RenderedFeatures:
    """Feature image and mask of a field.

    Attributes:
        features: Mean of the features along each ray, weighted by visibility; arbitrary where the mask is zero.
        mask: Opacity of each ray in [0, 1].
        rays: Rendering weights of the ray samples.
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
    max_rays: int | None = None,
) -> RenderedFeatures:
    """March rays through the unit cube and aggregate features by visibility.

    An occupancy is the opacity of a path one voxel long, so the result depends neither on the number of samples nor on
    the length of the ray inside the cube.

    Args:
        field: Decoded objects.
        cam2world: OpenCV cameras outside the cube; cameras of one object are adjacent.
        fov: Field of view in radians.
        resolution_px: Side of the image in pixels.
        samples_per_ray: Samples between entry into and exit from the cube.
        feature_samples_per_ray: Number of samples with the largest weights at which features are evaluated; ``None``
            evaluates all.
        jitter: Position of each pixel's samples within their intervals, in [0, 1); ``None`` uses the midpoints.
        views_per_object: Number of cameras per object.
        max_rays: Number of rays cast per image (:func:`max_rays_in_cube`). Rays that miss the cube are dropped first;
            ``None`` casts all.
    """
    rays = _cast_rays(cam2world, fov, resolution_px, max_rays)
    distances = rays.near[..., None] + rays.lengths[..., None] * _sample_offsets(rays, samples_per_ray, jitter)
    points = rays.origins[:, None, None, :] + distances[..., None] * rays.directions[..., None, :]
    step_in_voxels = rays.lengths[..., None] / (samples_per_ray * field.voxel_size)
    weights, features = _aggregate(
        field,
        _group_by_object(points, views_per_object),
        _group_by_object(step_in_voxels, views_per_object),
        feature_samples_per_ray,
    )
    weights, features = _split_views(weights, views_per_object), _split_views(features, views_per_object)
    features_and_opacity = torch.cat([features, weights.sum(dim=-1, keepdim=True)], dim=-1)
    image = rays.scatter_to_pixels(features_and_opacity).unflatten(1, (resolution_px, resolution_px))
    return RenderedFeatures(image[..., :-1], image[..., -1], RayWeights(weights, rays.lengths, rays.pixels_per_image))


def visibility_weights(
    occupancy: Float[Tensor, "b r s"], step_in_voxels: Float[Tensor, "b r 1"]
) -> Float[Tensor, "b r s"]:
    """Rendering weight of each sample: its opacity times the transmittance of the samples before it."""
    log_transparency = torch.log1p(-occupancy.clamp(max=1.0 - 1e-5)) * step_in_voxels
    transmittance_after = torch.exp(torch.cumsum(log_transparency, dim=-1))
    first = torch.ones_like(transmittance_after[..., :1])
    transmittance_before = torch.cat([first, transmittance_after[..., :-1]], dim=-1)
    return transmittance_before - transmittance_after


def intersect_cube(
    origins: Float[Tensor, "b 3"], directions: Float[Tensor, "b r 3"]
) -> tuple[Float[Tensor, "b r"], Float[Tensor, "b r"]]:
    """Distance at which each ray enters [-1/2, 1/2]^3 and its length inside, which is zero for a miss."""
    safe = torch.where(directions.abs() < 1e-9, torch.full_like(directions, 1e-9), directions)
    first, second = (-0.5 - origins[:, None]) / safe, (0.5 - origins[:, None]) / safe
    near = torch.minimum(first, second).amax(dim=-1)
    far = torch.maximum(first, second).amin(dim=-1)
    return near, (far - near).clamp(min=0.0)


@cache
def max_rays_in_cube(fov: float, distance: float, resolution_px: int) -> int:
    """Largest number of rays per image that hit the cube from any direction, plus a margin of 2 %.

    Args:
        fov: Field of view in radians.
        distance: Distance of the camera from the origin in object units.
        resolution_px: Side of the image in pixels.
    """
    azimuths = torch.linspace(0.0, 0.25 * math.pi, 16)
    elevations = torch.linspace(0.0, 0.49 * math.pi, 24)
    azimuth, elevation = (angles.flatten() for angles in torch.meshgrid(azimuths, elevations, indexing="ij"))
    hits = 0
    for a, e in zip(azimuth.split(32), elevation.split(32), strict=True):
        origins, directions = camera_rays(look_at_origin(a, e, distance), fov, resolution_px)
        _, lengths = intersect_cube(origins, directions.flatten(1, 2))
        hits = max(hits, int((lengths > 0).sum(dim=1).max()))
    return min(math.ceil(1.02 * hits), resolution_px**2)


@dataclass(frozen=True)
class _Rays:
    """Rays of a batch of images and their intersection with the cube.

    Attributes:
        pixel: Row-major pixel index of each ray, or ``None`` if there is one ray per pixel in order.
    """

    origins: Float[Tensor, "b 3"]
    directions: Float[Tensor, "b r 3"]
    near: Float[Tensor, "b r"]
    lengths: Float[Tensor, "b r"]
    pixel: Int[Tensor, "b r"] | None
    pixels_per_image: int

    def scatter_to_pixels(self, values: Float[Tensor, "b r c"]) -> Float[Tensor, "b p c"]:
        """Values of rays at their pixels, zero elsewhere."""
        if self.pixel is None:
            return values
        blank = values.new_zeros(len(values), self.pixels_per_image, values.shape[-1])
        return blank.scatter(1, self.pixel[..., None].expand_as(values), values)


def _cast_rays(cam2world: Float[Tensor, "b 4 4"], fov: float, resolution_px: int, max_rays: int | None) -> _Rays:
    with torch.autocast(cam2world.device.type, enabled=False):
        origins, directions = camera_rays(cam2world, fov, resolution_px)
    directions = directions.flatten(1, 2)
    near, lengths = intersect_cube(origins, directions)
    pixels = directions.shape[1]
    if max_rays is None or max_rays >= pixels:
        return _Rays(origins, directions, near, lengths, None, pixels)
    pixel = lengths.detach().topk(max_rays, dim=1, sorted=False).indices
    directions = directions.gather(1, pixel[..., None].expand(-1, -1, 3))
    return _Rays(origins, directions, near.gather(1, pixel), lengths.gather(1, pixel), pixel, pixels)


def _sample_offsets(rays: _Rays, samples: int, jitter: Float[Tensor, "b p 1"] | None) -> Float[Tensor, "b r s"]:
    """Sample positions between entry into (0) and exit from (1) the cube."""
    lengths = rays.lengths
    starts = torch.arange(samples, device=lengths.device, dtype=lengths.dtype)
    if jitter is None:
        return (starts + 0.5).expand(*lengths.shape, samples) / samples
    return (starts + (jitter if rays.pixel is None else jitter.gather(1, rays.pixel[..., None]))) / samples


def _aggregate(
    field: Field,
    points: Float[Tensor, "b r s 3"],
    step_in_voxels: Float[Tensor, "b r 1"],
    feature_samples: int | None,
) -> tuple[Float[Tensor, "b r s"], Float[Tensor, "b r c"]]:
    """Rendering weights of the samples and the weighted mean of the features along each ray."""
    if feature_samples is None or feature_samples >= points.shape[2]:
        weights, total = field.march(points, lambda occupancy: visibility_weights(occupancy, step_in_voxels))
        used = weights
    else:
        occupancy = field.occupancy(points.flatten(1, 2)).unflatten(1, points.shape[1:3])
        weights = visibility_weights(occupancy, step_in_voxels)
        used, index = weights.topk(feature_samples, dim=-1, sorted=False)
        total = field.accumulate_features(points.gather(2, index[..., None].expand(-1, -1, -1, 3)), used)
    return weights, total / (used.sum(dim=-1, keepdim=True) + 1e-4)


def _group_by_object(values: Float[Tensor, "v r *any"], views: int) -> Float[Tensor, "b n *any"]:
    """Concatenate the rays of all views of an object, so the object is not copied per view."""
    return values.unflatten(0, (-1, views)).flatten(1, 2)


def _split_views(values: Float[Tensor, "b n *any"], views: int) -> Float[Tensor, "v r *any"]:
    """Inverse of :func:`_group_by_object`."""
    return values.unflatten(1, (views, -1)).flatten(0, 1)
