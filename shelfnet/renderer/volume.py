"""Neural renderer pi (Eq. 3): one ray per pixel, samples weighted by occupancy along the ray."""

import math
from dataclasses import dataclass
from functools import cache

import torch
from jaxtyping import Float, Int
from torch import Tensor

from shelfnet.config.networks import RayKernel
from shelfnet.geometry.cameras import camera_rays, look_at_origin
from shelfnet.renderer.fused_march import can_fuse, march_rays_fused
from shelfnet.renderer.ray_march import RaySegments, march_rays
from shelfnet.renderer.triton_march import can_march, march_rays_triton
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
    kernel: RayKernel = "auto",
) -> RenderedFeatures:
    """March rays through the unit cube and aggregate features by visibility.

    Where numba is installed, float32 fields on a CPU are marched by :func:`march_rays_fused`, and all others by
    :func:`march_rays`. With another ``kernel`` than ``auto``, voxel fields on CUDA are marched by
    :func:`march_rays_triton`.

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
        max_rays: Number of rays marched per image (:func:`max_rays_in_cube`). Rays that miss the cube are dropped
            first; ``None`` marches all. The fused march ignores it, since it skips the rays that miss.
        kernel: Kernel that marches fields that it covers.
    """
    samples = samples_per_ray, feature_samples_per_ray
    if kernel != "auto" and can_march(field, cam2world):
        rays = _cast_rays(cam2world, fov, resolution_px, max_rays, jitter)
        marched = march_rays_triton(field, rays.segments(views_per_object), *samples, mix=kernel == "triton")
    elif can_fuse(field, cam2world):
        rays = _cast_rays(cam2world, fov, resolution_px, None, jitter)
        marched = march_rays_fused(field, rays.segments(views_per_object), *samples)
    else:
        rays = _cast_rays(cam2world, fov, resolution_px, max_rays, jitter)
        marched = march_rays(field, rays.segments(views_per_object), *samples)
    weights, opacity, features = (
        _split_views(values, views_per_object) for values in (marched.weights, marched.opacity, marched.features)
    )
    return RenderedFeatures(
        features=rays.scatter_to_pixels(features).unflatten(1, (resolution_px, resolution_px)),
        mask=rays.scatter_to_pixels(opacity[..., None]).reshape(-1, resolution_px, resolution_px),
        rays=RayWeights(weights, rays.lengths, rays.pixels_per_image),
    )


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
        phases: Positions of the samples within their intervals.
        pixel: Row-major pixel index of each ray, or ``None`` if there is one ray per pixel in order.
    """

    origins: Float[Tensor, "b 3"]
    directions: Float[Tensor, "b r 3"]
    near: Float[Tensor, "b r"]
    lengths: Float[Tensor, "b r"]
    phases: Float[Tensor, "b r"]
    pixel: Int[Tensor, "b r"] | None
    pixels_per_image: int

    def segments(self, views_per_object: int) -> RaySegments:
        """Parts of the rays inside the cube, with those of all views of an object together."""
        starts = self.origins[:, None] + self.near[..., None] * self.directions
        spans = self.lengths[..., None] * self.directions
        values = (starts, spans, self.lengths, self.phases)
        return RaySegments(*(_group_by_object(value, views_per_object) for value in values))

    def scatter_to_pixels(self, values: Float[Tensor, "b r c"]) -> Float[Tensor, "b p c"]:
        """Values of rays at their pixels, zero elsewhere."""
        if self.pixel is None:
            return values
        blank = values.new_zeros(len(values), self.pixels_per_image, values.shape[-1])
        return blank.scatter(1, self.pixel[..., None].expand_as(values), values)


def _cast_rays(
    cam2world: Float[Tensor, "b 4 4"],
    fov: float,
    resolution_px: int,
    max_rays: int | None,
    jitter: Float[Tensor, "b p 1"] | None,
) -> _Rays:
    with torch.autocast(cam2world.device.type, enabled=False):
        origins, directions = camera_rays(cam2world, fov, resolution_px)
    directions = directions.flatten(1, 2)
    near, lengths = intersect_cube(origins, directions)
    phases = torch.full_like(lengths, 0.5) if jitter is None else jitter.squeeze(-1).to(lengths.dtype)
    pixels = directions.shape[1]
    if max_rays is None or max_rays >= pixels:
        return _Rays(origins, directions, near, lengths, phases, None, pixels)
    pixel = lengths.detach().topk(max_rays, dim=1, sorted=False).indices
    directions = directions.gather(1, pixel[..., None].expand(-1, -1, 3))
    near, lengths, phases = (values.gather(1, pixel) for values in (near, lengths, phases))
    return _Rays(origins, directions, near, lengths, phases, pixel, pixels)


def _group_by_object(values: Float[Tensor, "v r *any"], views: int) -> Float[Tensor, "b n *any"]:
    """Concatenate the rays of all views of an object, so the object is not copied per view."""
    return values.unflatten(0, (-1, views)).flatten(1, 2)


def _split_views(values: Float[Tensor, "b n *any"], views: int) -> Float[Tensor, "v r *any"]:
    """Inverse of :func:`_group_by_object`."""
    return values.unflatten(1, (views, -1)).flatten(0, 1)
