"""What a photograph says of the colours of the surface that it shows."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from scipy.ndimage import minimum_filter
from torch import Tensor

from shelfnet.geometry.cameras import focal_px, look_at_origin, project
from shelfnet.geometry.meshes import Mesh
from shelfnet.geometry.sampling import interpolate_grid
from shelfnet.renderer.mesh_batch import pack_meshes
from shelfnet.renderer.rasterizer import rasterize

_DEPTH_PX = 256
"""Least side of the depth map that tells what hides what."""

_FACING = (0.2, 0.6)
"""Cosines between normal and view: a surface seen flatter than the first shows nothing, beyond the second all."""

_COVERAGE = (0.25, 0.9)
"""Likewise for the mask: pixels at the border of the object hold background."""

_STEEPEST = 4.0
"""Tangent of the angle between normal and view that the depth test allows for; flatter views count for nothing."""

_CORNER_PX = 1.5
"""Distance, in pixels of the photograph, to the corners of the square in which something may hide a point."""

_DEPTH_TOLERANCE = 4e-3
"""Depth, in object units, by which a point may lie behind the nearest surface and still be seen."""


@dataclass(frozen=True)
class Photograph:
    """An image and the camera that it was taken with.

    Attributes:
        image: on white, in [0, 1].
        mask: coverage in [0, 1].
        azimuth: of the camera, radians.
        elevation: of the camera, radians.
        fov: field of view, radians.
        camera_distance: to the origin, in object units.
    """

    image: Float[Tensor, "3 s s"]
    mask: Float[Tensor, "s s"]
    azimuth: float
    elevation: float
    fov: float
    camera_distance: float

    def camera(self) -> Float[Tensor, "1 4 4"]:
        """cam2world."""
        return look_at_origin(torch.tensor([self.azimuth]), torch.tensor([self.elevation]), self.camera_distance)


@dataclass(frozen=True)
class Observed:
    """Colours of points, and how far the photograph can be believed in [0, 1]: 0 where it does not see the point."""

    colours: Float[np.ndarray, "n 3"]
    weights: Float[np.ndarray, "n"]


@torch.no_grad()
def observe(
    photo: Photograph, mesh: Mesh, points: Float[np.ndarray, "n 3"], normals: Float[np.ndarray, "n 3"]
) -> Observed:
    """What a photograph shows of points on a mesh.

    Colours are sampled premultiplied with coverage, so that no background bleeds in; weights fade where the surface
    turns away, towards the outline and beside what hides it.

    Args:
        photo: image and camera.
        mesh: that the points lie on, and that hides some of them.
        points: in object units.
        normals: unit vectors.
    """
    camera = photo.camera()
    px = photo.mask.shape[-1]
    positions, depth = project(torch.from_numpy(points).float()[None], camera, photo.fov, px)
    towards = camera[0, :3, 3].double().numpy() - points
    cosine = (normals * towards).sum(1) / np.maximum(np.linalg.norm(towards, axis=1), 1e-12)
    premultiplied, coverage = _sample(photo, positions[0])
    weights = (
        _smooth_step(cosine, *_FACING)
        * _smooth_step(coverage, *_COVERAGE)
        * _visibility(photo, mesh, positions[0].double().numpy(), depth[0].double().numpy(), cosine)
    )
    return Observed(np.clip(premultiplied / np.maximum(coverage, 1e-6)[:, None], 0.0, 1.0), weights)


def _sample(photo: Photograph, positions: Float[Tensor, "n 2"]) -> tuple[np.ndarray, np.ndarray]:
    """Premultiplied colours and coverage at pixel coordinates, bilinear; nothing outside the image."""
    premultiplied = photo.image - (1.0 - photo.mask)
    layers = torch.cat([premultiplied, photo.mask[None]])[None].cpu().float()
    sampled = interpolate_grid(layers, (positions / photo.mask.shape[-1] - 0.5)[None], padding="zeros")
    values = sampled[0].double().numpy()
    return values[:, :3], values[:, 3]


def _visibility(
    photo: Photograph,
    mesh: Mesh,
    positions: Float[np.ndarray, "n 2"],
    depth: Float[np.ndarray, "n"],
    cosine: Float[np.ndarray, "n"],
) -> Float[np.ndarray, "n"]:
    """1 where nothing lies before a point within a pixel of the photograph, fading to 0 over a pixel of depth map."""
    px = photo.mask.shape[-1]
    finer = max(1, math.ceil(_DEPTH_PX / px))
    fragments = rasterize(pack_meshes([mesh]), photo.camera(), photo.fov, px * finer, 1, 0.0)
    surface = torch.where(fragments.pix_to_face >= 0, fragments.zbuf, torch.inf)[0, :, :, 0].double().numpy()
    # What hides a point also colours the pixels beside its outline.
    nearest = minimum_filter(surface, size=2 * finer + 1, mode="nearest")
    reach = _CORNER_PX * depth / focal_px(photo.fov, px)
    steepness = np.sqrt(1.0 / np.clip(cosine, 1e-3, 1.0) ** 2 - 1.0)
    farthest = depth - reach * np.minimum(steepness, _STEEPEST) - _DEPTH_TOLERANCE
    return _share_not_hidden(nearest, positions * finer - 0.5, farthest)


def _share_not_hidden(
    nearest: Float[np.ndarray, "r r"], positions: Float[np.ndarray, "n 2"], farthest: Float[np.ndarray, "n"]
) -> Float[np.ndarray, "n"]:
    """Bilinear share of the four pixels around a position at which nothing is nearer than ``farthest``."""
    low = np.floor(positions).astype(np.int64)
    fraction = positions - low
    share = np.zeros(len(positions))
    for corner in np.array([[0, 0], [1, 0], [0, 1], [1, 1]]):
        column, row = np.clip(low + corner, 0, len(nearest) - 1).T
        weight = np.abs(1 - corner - fraction).prod(1)
        share += weight * (nearest[row, column] >= farthest)
    return share


def _smooth_step(values: Float[np.ndarray, "n"], low: float, high: float) -> Float[np.ndarray, "n"]:
    share = np.clip((values - low) / (high - low), 0.0, 1.0)
    return share * share * (3.0 - 2.0 * share)
