"""Silhouettes of meshes and their overlap with masks."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from shelfnet.geometry.cameras import look_at_origin
from shelfnet.geometry.meshes import Mesh
from shelfnet.renderer.mesh_batch import pack_meshes
from shelfnet.renderer.rasterizer import hard_silhouette, rasterize


def mask_iou(silhouette: Bool[Tensor, "b h w"], mask: Float[Tensor, "b h w"]) -> Float[Tensor, "b"]:
    """Intersection over union of a silhouette and the pixels with a mask above 1/2; 1 if both are empty."""
    inside = mask > 0.5
    intersection = (silhouette & inside).sum((1, 2))
    union = (silhouette | inside).sum((1, 2))
    return torch.where(union > 0, intersection / union.clamp(min=1), 1.0)


@torch.no_grad()
def mesh_mask_iou(
    mesh: Mesh, azimuth: float, elevation: float, mask: Float[Tensor, "h w"], fov: float, camera_distance: float
) -> float:
    """Mask IoU of a mesh rendered from one view at the resolution of the mask.

    Args:
        mesh: Mesh in object units, possibly empty.
        azimuth: Camera azimuth in radians.
        elevation: Camera elevation in radians.
        mask: Square mask in [0, 1].
        fov: Field of view in radians.
        camera_distance: Distance from camera to origin in object units.
    """
    camera = look_at_origin(torch.tensor([azimuth]), torch.tensor([elevation]), camera_distance)
    fragments = rasterize(pack_meshes([mesh]), camera, fov, mask.shape[-1], faces_per_pixel=1, blur_radius=0.0)
    return float(mask_iou(hard_silhouette(fragments), mask[None].cpu()))
