"""Projective texturing: surface colours sampled from a photo, with a weight for how well the photo sees each point."""

import math
from dataclasses import dataclass, replace

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

_MIN_DEPTH_MAP_PX = 256

_COSINE_RANGE = (0.2, 0.6)
"""Cosine between normal and view direction over which the weight rises from 0 to 1."""

_COVERAGE_RANGE = (0.25, 0.9)
"""Mask coverage over which the weight rises from 0 to 1: pixels at the outline are mixed with background."""

_MAX_SLOPE = 4.0
"""Largest tangent of the angle between normal and view direction in the depth test; flatter views have no weight."""

_DEPTH_WINDOW_PX = 1.5
"""Distance in photo pixels to the corners of the window in which the depth test looks for occluders."""

_DEPTH_TOLERANCE = 4e-3
"""Distance in object units that a visible point may lie behind the nearest surface."""


@dataclass(frozen=True)
class PosedImage:
    """An image with its mask and camera.

    Attributes:
        image: RGB in [0, 1] on white.
        mask: Coverage in [0, 1].
        azimuth: Camera azimuth in radians.
        elevation: Camera elevation in radians.
        fov: Field of view in radians.
        camera_distance: Distance from camera to origin in object units.
    """

    image: Float[Tensor, "3 s s"]
    mask: Float[Tensor, "s s"]
    azimuth: float
    elevation: float
    fov: float
    camera_distance: float

    def cam2world(self) -> Float[Tensor, "1 4 4"]:
        """Camera matrix, OpenCV axes."""
        return look_at_origin(torch.tensor([self.azimuth]), torch.tensor([self.elevation]), self.camera_distance)

    def mirrored(self) -> "PosedImage":
        """The image that shows the object's mirror image in x: flipped, from the mirrored camera."""
        return replace(self, image=self.image.flip(-1), mask=self.mask.flip(-1), azimuth=-self.azimuth)


@dataclass(frozen=True)
class WeightedColours:
    """sRGB of surface points from one source, and blending weights in [0, 1]; 0 means that the source has no colour."""

    colours: Float[np.ndarray, "n 3"]
    weights: Float[np.ndarray, "n"]

    def over(self, below: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
        """Blend with the colours that show where the weight is below 1."""
        return below + self.weights[:, None] * (self.colours - below)

    def or_else(self, other: "WeightedColours") -> "WeightedColours":
        """This source, and another one where the weight is below 1."""
        rest = (1.0 - self.weights) * other.weights
        weights = self.weights + rest
        total = self.weights[:, None] * self.colours + rest[:, None] * other.colours
        return WeightedColours(total / np.maximum(weights, 1e-12)[:, None], weights)


@torch.no_grad()
def project_image(
    image: PosedImage, mesh: Mesh, points: Float[np.ndarray, "n 3"], normals: Float[np.ndarray, "n 3"]
) -> WeightedColours:
    """Sample an image at points on a mesh.

    Colours are sampled premultiplied by coverage, so that no background bleeds in. Weights fade at grazing angles,
    towards the outline of the mask and next to occluders.

    Args:
        image: Image and camera.
        mesh: Mesh that carries the points and occludes some of them.
        points: Points in object units.
        normals: Unit normals.
    """
    cam2world = image.cam2world()
    px = image.mask.shape[-1]
    positions, depth = project(torch.from_numpy(points).float()[None], cam2world, image.fov, px)
    to_camera = cam2world[0, :3, 3].double().numpy() - points
    cosine = (normals * to_camera).sum(1) / np.maximum(np.linalg.norm(to_camera, axis=1), 1e-12)
    premultiplied, coverage = _sample(image, positions[0])
    weights = (
        smoothstep(cosine, *_COSINE_RANGE)
        * smoothstep(coverage, *_COVERAGE_RANGE)
        * _visibility(image, mesh, positions[0].double().numpy(), depth[0].double().numpy(), cosine)
    )
    return WeightedColours(np.clip(premultiplied / np.maximum(coverage, 1e-6)[:, None], 0.0, 1.0), weights)


def _sample(image: PosedImage, positions: Float[Tensor, "n 2"]) -> tuple[np.ndarray, np.ndarray]:
    """Bilinear premultiplied colours and coverage at pixel coordinates; zero outside the image."""
    premultiplied = image.image - (1.0 - image.mask)
    layers = torch.cat([premultiplied, image.mask[None]])[None].cpu().float()
    sampled = interpolate_grid(layers, (positions / image.mask.shape[-1] - 0.5)[None], padding="zeros")
    values = sampled[0].double().numpy()
    return values[:, :3], values[:, 3]


def _visibility(
    image: PosedImage,
    mesh: Mesh,
    positions: Float[np.ndarray, "n 2"],
    depth: Float[np.ndarray, "n"],
    cosine: Float[np.ndarray, "n"],
) -> Float[np.ndarray, "n"]:
    """Depth-map shadow test: 1 without an occluder within one photo pixel, fading to 0 over one depth-map pixel."""
    px = image.mask.shape[-1]
    upscale = max(1, math.ceil(_MIN_DEPTH_MAP_PX / px))
    fragments = rasterize(pack_meshes([mesh]), image.cam2world(), image.fov, px * upscale, 1, 0.0)
    depth_map = torch.where(fragments.pix_to_face >= 0, fragments.zbuf, torch.inf)[0, :, :, 0].double().numpy()
    # The photo's pixels next to an occluder's outline mix in its colour, hence the minimum over a window.
    nearest = minimum_filter(depth_map, size=2 * upscale + 1, mode="nearest")
    window = _DEPTH_WINDOW_PX * depth / focal_px(image.fov, px)
    slope = np.sqrt(1.0 / np.clip(cosine, 1e-3, 1.0) ** 2 - 1.0)
    visible_depth = depth - window * np.minimum(slope, _MAX_SLOPE) - _DEPTH_TOLERANCE
    return _unoccluded_fraction(nearest, positions * upscale - 0.5, visible_depth)


def _unoccluded_fraction(
    depth_map: Float[np.ndarray, "r r"], positions: Float[np.ndarray, "n 2"], visible_depth: Float[np.ndarray, "n"]
) -> Float[np.ndarray, "n"]:
    """Bilinearly weighted fraction of the four neighbouring pixels whose depth is at least ``visible_depth``."""
    low = np.floor(positions).astype(np.int64)
    offset = positions - low
    fraction = np.zeros(len(positions))
    for corner in np.array([[0, 0], [1, 0], [0, 1], [1, 1]]):
        column, row = np.clip(low + corner, 0, len(depth_map) - 1).T
        weight = np.abs(1 - corner - offset).prod(1)
        fraction += weight * (depth_map[row, column] >= visible_depth)
    return fraction


def smoothstep(values: Float[np.ndarray, "n"], low: float, high: float) -> Float[np.ndarray, "n"]:
    """Rise from 0 at ``low`` to 1 at ``high`` with zero slope at both ends."""
    t = np.clip((values - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)
