"""Camera conventions, rays and projection.

Object frame: right-handed, +Y up, +Z front. Azimuth rotates about +Y from +Z towards +X; elevation is measured from
the horizon. Camera frame (OpenCV): x right, y down, z forward. Angles are in radians; pixel centres are at +0.5.
"""

import math

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

BLENDER_FROM_OPENCV = np.diag([1.0, -1.0, -1.0, 1.0])
"""Right factor that converts a cam2world from OpenCV camera axes to those of Blender and OpenGL (y up, z backward)."""


def look_at_origin(
    azimuth: Float[Tensor, "*b"], elevation: Float[Tensor, "*b"], distance: float
) -> Float[Tensor, "*b 4 4"]:
    """cam2world of cameras on a sphere that look at the origin, differentiable in both angles.

    Args:
        azimuth: Radians about +Y, from +Z towards +X.
        elevation: Radians above the horizon, in (-pi/2, pi/2).
        distance: Distance of the camera centre from the origin in object units.
    """
    sin_a, cos_a = torch.sin(azimuth), torch.cos(azimuth)
    sin_e, cos_e = torch.sin(elevation), torch.cos(elevation)
    zero, one = torch.zeros_like(sin_a), torch.ones_like(sin_a)
    outward = torch.stack([sin_a * cos_e, sin_e, cos_a * cos_e], dim=-1)
    right = torch.stack([cos_a, zero, -sin_a], dim=-1)
    down = torch.stack([sin_a * sin_e, -cos_e, cos_a * sin_e], dim=-1)
    columns = torch.stack([right, down, -outward, distance * outward], dim=-1)
    last_row = torch.stack([zero, zero, zero, one], dim=-1).unsqueeze(-2)
    return torch.cat([columns, last_row], dim=-2)


def camera_from_degrees(azimuth_deg: float, elevation_deg: float, distance: float) -> Float[np.ndarray, "4 4"]:
    """cam2world, in double precision, of one camera that looks at the origin; angles as in :func:`look_at_origin`."""
    azimuth, elevation = torch.tensor([azimuth_deg, elevation_deg], dtype=torch.float64).deg2rad()
    return look_at_origin(azimuth, elevation, distance).numpy()


def focal_px(fov: float, resolution_px: int) -> float:
    """Focal length in pixels of a square image with field of view ``fov`` in radians."""
    return 0.5 * resolution_px / math.tan(0.5 * fov)


def camera_rays(
    cam2world: Float[Tensor, "b 4 4"], fov: float, resolution_px: int
) -> tuple[Float[Tensor, "b 3"], Float[Tensor, "b h w 3"]]:
    """World-space ray origins and unit directions through every pixel centre, row by row from the top left."""
    centres = torch.arange(resolution_px, device=cam2world.device, dtype=cam2world.dtype) + 0.5 - 0.5 * resolution_px
    offsets = centres / focal_px(fov, resolution_px)
    y, x = torch.meshgrid(offsets, offsets, indexing="ij")
    local = torch.nn.functional.normalize(torch.stack([x, y, torch.ones_like(x)], dim=-1), dim=-1)
    # Not a matrix product: TF32 on a GPU would move samples by a twentieth of a voxel.
    right, down, forward = cam2world[:, None, None, :3, :3].unbind(dim=-1)
    directions = local[..., 0:1] * right + local[..., 1:2] * down + local[..., 2:3] * forward
    return cam2world[:, :3, 3], directions


def project(
    points: Float[Tensor, "b n 3"], cam2world: Float[Tensor, "b 4 4"], fov: float, resolution_px: int
) -> tuple[Float[Tensor, "b n 2"], Float[Tensor, "b n"]]:
    """Pixel coordinates (x right, y down) of world points, and their depth along the camera's z axis."""
    local = torch.einsum("bji,bnj->bni", cam2world[:, :3, :3], points - cam2world[:, None, :3, 3])
    depth = local[..., 2]
    return local[..., :2] / depth[..., None] * focal_px(fov, resolution_px) + 0.5 * resolution_px, depth


def rotation_about_y(angle: Float[Tensor, "*b"]) -> Float[Tensor, "*b 3 3"]:
    """Rotation matrices about +Y that increase the azimuth of a point by ``angle`` radians."""
    sin, cos = torch.sin(angle), torch.cos(angle)
    zero, one = torch.zeros_like(sin), torch.ones_like(sin)
    rows = [torch.stack(row, dim=-1) for row in ((cos, zero, sin), (zero, one, zero), (-sin, zero, cos))]
    return torch.stack(rows, dim=-2)


def wrap_angle(angle: Float[Tensor, "*b"]) -> Float[Tensor, "*b"]:
    """Angles in radians, wrapped to [-pi, pi)."""
    return torch.remainder(angle + math.pi, 2 * math.pi) - math.pi
