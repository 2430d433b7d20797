"""Differentiable soft rasterizer in plain torch, with the semantics of PyTorch3D's.

The K nearest faces within the blur radius of each pixel are found without gradients and evaluated again with
gradients. Blending follows Liu et al., "Soft Rasterizer", ICCV 2019.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from shelfnet.renderer.mesh_batch import MeshBatch
from shelfnet.renderer.pixel_face_pairs import NEAR_DEPTH, nearest_pairs, pair_geometry, pair_ranks, pixel_centres

BACKGROUND_WEIGHT = 1e-10
"""Unnormalised weight of the background, relative to the nearest face (PyTorch3D's delta)."""
MIN_PROBABILITY = 1e-4
"""Coverage below which a face does not count."""
NEAR, FAR = 1.0, 100.0
"""Depths, in object units, that normalise to 1 and 0."""


@dataclass(frozen=True)
class Fragments:
    """The K nearest faces of each pixel, as PyTorch3D returns them; empty slots hold -1.

    Attributes:
        pix_to_face: Packed face index.
        zbuf: Depth along the camera's z axis, ascending in k.
        bary_coords: Perspective-correct barycentric coordinates, clipped to the face.
        dists: Squared NDC distance to the face's nearest edge, negative inside the face.
    """

    pix_to_face: Int[Tensor, "b h w k"]
    zbuf: Float[Tensor, "b h w k"]
    bary_coords: Float[Tensor, "b h w k 3"]
    dists: Float[Tensor, "b h w k"]


def rasterize(
    meshes: MeshBatch,
    cam2world: Float[Tensor, "b 4 4"],
    fov: float,
    resolution_px: int,
    faces_per_pixel: int,
    blur_radius: float,
) -> Fragments:
    """Rasterize each mesh with its camera, differentiable in vertices and cameras.

    Args:
        meshes: Packed meshes, one per camera. Faces with a corner behind the camera are culled.
        cam2world: OpenCV cameras.
        fov: Field of view in radians.
        resolution_px: Side of the square image in pixels.
        faces_per_pixel: Number of faces kept per pixel, nearest first.
        blur_radius: Squared NDC distance within which a face contributes to pixels that it does not cover.
    """
    screen = to_ndc(meshes, cam2world, fov)
    corners = screen[meshes.faces].permute(2, 1, 0).contiguous()
    pairs = nearest_pairs(corners.detach(), meshes.face_mesh, resolution_px, faces_per_pixel, blur_radius)
    slot = pairs.pixel * faces_per_pixel + pair_ranks(pairs.pixel)
    centres = pixel_centres(pairs.pixel, resolution_px, corners.dtype)
    geometry = pair_geometry(corners.index_select(2, pairs.face), centres)
    shape = (meshes.size, resolution_px, resolution_px, faces_per_pixel)
    return Fragments(
        pix_to_face=_scatter(pairs.face, slot, shape),
        zbuf=_scatter(geometry.depth, slot, shape),
        bary_coords=torch.stack([_scatter(weight, slot, shape) for weight in geometry.barycentric], dim=-1),
        dists=_scatter(geometry.signed_distance, slot, shape),
    )


def to_ndc(meshes: MeshBatch, cam2world: Float[Tensor, "b 4 4"], fov: float) -> Float[Tensor, "v 3"]:
    """NDC x, NDC y and depth of each vertex; x and y are arbitrary behind the camera."""
    cameras = cam2world[meshes.vertex_mesh]
    local = torch.einsum("vji,vj->vi", cameras[:, :3, :3], meshes.vertices - cameras[:, :3, 3])
    depth = local[:, 2:]
    in_front = torch.where(depth > NEAR_DEPTH, depth, 1.0)
    return torch.cat([local[:, :2] / (in_front * math.tan(0.5 * fov)), depth], dim=1)


def blur_radius_from_sigma(sigma: float) -> float:
    """Squared NDC distance at which the coverage probability falls to :data:`MIN_PROBABILITY`."""
    return math.log(1.0 / MIN_PROBABILITY - 1.0) * sigma


def soft_silhouette(fragments: Fragments, sigma: float) -> Float[Tensor, "b h w"]:
    """Probability that a face covers a pixel: 1 - prod(1 - sigmoid(-dists / sigma)).

    Args:
        fragments: Fragments rasterized with ``blur_radius_from_sigma(sigma)``.
        sigma: Squared NDC distance over which coverage fades.
    """
    log_missed = torch.nn.functional.logsigmoid(fragments.dists / sigma)
    return 1.0 - torch.where(fragments.pix_to_face >= 0, log_missed, 0.0).sum(-1).exp()


def hard_silhouette(fragments: Fragments) -> Bool[Tensor, "b h w"]:
    """Pixels whose centre is covered by a face."""
    return ((fragments.pix_to_face >= 0) & (fragments.dists < 0.0)).any(-1)


def soft_rgb(
    fragments: Fragments, colours: Float[Tensor, "b h w k 3"], sigma: float, gamma: float
) -> Float[Tensor, "b 3 h w"]:
    """Fragment colours blended by coverage and a softmax over depth, on white.

    Args:
        fragments: Result of :func:`rasterize`.
        colours: Colour of each fragment, from :func:`interpolate`.
        sigma: Squared NDC distance over which coverage fades.
        gamma: Temperature of the softmax over normalised depth.
    """
    used = fragments.pix_to_face >= 0
    coverage = torch.where(used, torch.sigmoid(-fragments.dists / sigma), 0.0)
    nearness = torch.where(used, (FAR - fragments.zbuf) / (FAR - NEAR), 0.0)
    nearness = nearness - nearness.amax(-1, keepdim=True)
    weights = coverage * torch.exp(nearness / gamma)
    total = weights.sum(-1, keepdim=True) + BACKGROUND_WEIGHT
    blended = torch.einsum("bhwk,bhwkc->bhwc", weights / total, colours)
    return (blended + BACKGROUND_WEIGHT / total).permute(0, 3, 1, 2)


def interpolate(
    fragments: Fragments, faces: Int[Tensor, "f 3"], attributes: Float[Tensor, "v c"]
) -> Float[Tensor, "b h w k c"]:
    """Vertex attributes interpolated at each fragment; zero in empty slots."""
    used = fragments.pix_to_face >= 0
    corners = attributes[faces[fragments.pix_to_face[used]]]
    values = (fragments.bary_coords[used].unsqueeze(-1) * corners).sum(1)
    filled = values.new_zeros(*used.shape, attributes.shape[1])
    return filled.masked_scatter(used.unsqueeze(-1), values)


def _scatter(values: Tensor, slot: Int[Tensor, "p"], shape: tuple[int, ...]) -> Tensor:
    return values.new_full((math.prod(shape),), -1).scatter(0, slot, values).reshape(shape)
