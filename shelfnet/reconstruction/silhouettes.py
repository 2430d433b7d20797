"""How well the silhouette of a mesh covers the mask of its image."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from shelfnet.geometry.cameras import look_at_origin
from shelfnet.geometry.meshes import Mesh
from shelfnet.renderer.mesh_batch import pack_meshes
from shelfnet.renderer.rasterizer import Fragments, rasterize


def coverage(fragments: Fragments) -> Bool[Tensor, "b h w"]:
    """Whether a face lies over a pixel's centre."""
    return ((fragments.pix_to_face >= 0) & (fragments.dists < 0.0)).any(-1)


def coverage_iou(covered: Bool[Tensor, "b h w"], mask: Float[Tensor, "b h w"]) -> Float[Tensor, "b"]:
    """Intersection over union of covered pixels and those where the mask exceeds 1/2; 1 where both are empty."""
    inside = mask > 0.5
    intersection = (covered & inside).sum((1, 2))
    union = (covered | inside).sum((1, 2))
    return torch.where(union > 0, intersection / union.clamp(min=1), 1.0)


@torch.no_grad()
def silhouette_iou(
    mesh: Mesh, azimuth: float, elevation: float, mask: Float[Tensor, "h w"], fov: float, camera_distance: float
) -> float:
    """IoU of a mesh's silhouette from one view and a mask, at the mask's resolution.

    Args:
        mesh: in object units; may be empty.
        azimuth: of the camera, radians.
        elevation: of the camera, radians.
        mask: square, in [0, 1].
        fov: field of view in radians.
        camera_distance: to the origin, in object units.
    """
    camera = look_at_origin(torch.tensor([azimuth]), torch.tensor([elevation]), camera_distance)
    fragments = rasterize(pack_meshes([mesh]), camera, fov, mask.shape[-1], faces_per_pixel=1, blur_radius=0.0)
    return float(coverage_iou(coverage(fragments), mask[None].cpu()))
