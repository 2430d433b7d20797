"""A differentiable soft rasterizer in plain torch, with the semantics of PyTorch3D's.

Faces that cover a pixel, or lie within a blur radius of its centre, are found without gradients; only the nearest K of
them are computed again with gradients. Blending follows Liu et al., "Soft Rasterizer", ICCV 2019.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from shelfnet.renderer.mesh_batch import MeshBatch
from shelfnet.renderer.pixel_face_pairs import NEAR_DEPTH, nearest_pairs, pair_geometry, pair_ranks, pixel_centres

_BACKGROUND_WEIGHT = 1e-10
"""Weight of the background against the nearest face's before normalisation (PyTorch3D's delta)."""


@dataclass(frozen=True)
class Fragments:
    """The K nearest faces of every pixel; unused places hold -1.

    Attributes:
        pix_to_face: packed face index.
        zbuf: depth along the camera's z axis, ascending in k.
        bary_coords: perspective-correct barycentric coordinates, clipped to the face.
        dists: squared distance in NDC to the face's nearest edge, negative inside the face.
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
    """Rasterize every mesh through its own camera, differentiable in vertices and cameras.

    Args:
        meshes: packed meshes, one a camera; faces with a corner behind the camera are culled.
        cam2world: OpenCV cameras.
        fov: field of view of the square image in radians.
        resolution_px: side of the image.
        faces_per_pixel: K; of all faces that reach a pixel, the K nearest by depth are kept.
        blur_radius: squared distance in NDC up to which a face reaches a pixel that it does not cover.

    Raises:
        ValueError: the numbers of meshes and cameras differ, or a bound is out of range.
    """
    _check(meshes, cam2world, resolution_px, faces_per_pixel, blur_radius)
    screen = to_ndc(meshes, cam2world, fov)
    corners = screen[meshes.faces].permute(2, 1, 0).contiguous()
    pairs = nearest_pairs(corners.detach(), meshes.face_mesh, resolution_px, faces_per_pixel, blur_radius)
    place = pairs.pixel * faces_per_pixel + pair_ranks(pairs.pixel)
    seen = pair_geometry(corners.index_select(2, pairs.face), pixel_centres(pairs.pixel, resolution_px, corners.dtype))
    shape = (meshes.size, resolution_px, resolution_px, faces_per_pixel)
    return Fragments(
        pix_to_face=_scatter(pairs.face, place, shape),
        zbuf=_scatter(seen.depth, place, shape),
        bary_coords=torch.stack([_scatter(weight, place, shape) for weight in seen.barycentric], dim=-1),
        dists=_scatter(seen.signed_distance, place, shape),
    )


def to_ndc(meshes: MeshBatch, cam2world: Float[Tensor, "b 4 4"], fov: float) -> Float[Tensor, "v 3"]:
    """NDC x (right), NDC y (down) and depth of every vertex; x and y mean nothing behind the camera."""
    cameras = cam2world[meshes.vertex_mesh]
    local = torch.einsum("vji,vj->vi", cameras[:, :3, :3], meshes.vertices - cameras[:, :3, 3])
    depth = local[:, 2:]
    in_front = torch.where(depth > NEAR_DEPTH, depth, 1.0)
    return torch.cat([local[:, :2] / (in_front * math.tan(0.5 * fov)), depth], dim=1)


def blur_radius_from_sigma(sigma: float, least_probability: float = 1e-4) -> float:
    """Squared NDC distance at which the coverage probability has fallen to ``least_probability``."""
    return math.log(1.0 / least_probability - 1.0) * sigma


def soft_silhouette(fragments: Fragments, sigma: float) -> Float[Tensor, "b h w"]:
    """Probability that any face covers a pixel: 1 - prod(1 - sigmoid(-dists / sigma)).

    Args:
        fragments: of :func:`rasterize` with a blur radius that fits ``sigma``.
        sigma: squared NDC distance over which coverage fades.
    """
    missed = torch.nn.functional.logsigmoid(fragments.dists / sigma)
    return 1.0 - torch.where(fragments.pix_to_face >= 0, missed, 0.0).sum(-1).exp()


def soft_rgb(
    fragments: Fragments,
    colours: Float[Tensor, "b h w k 3"],
    sigma: float,
    gamma: float,
    background: Sequence[float] = (1.0, 1.0, 1.0),
    znear: float = 1.0,
    zfar: float = 100.0,
) -> Float[Tensor, "b 3 h w"]:
    """Colours blended by coverage and, through a softmax, by depth.

    Args:
        fragments: of :func:`rasterize`.
        colours: of every fragment, as :func:`interpolate` gives them.
        sigma: squared NDC distance over which coverage fades.
        gamma: share of the depth range over which a nearer face hides one behind it.
        background: colour where no face is.
        znear: depth, in object units, that counts as nearest.
        zfar: depth that counts as farthest.
    """
    used = fragments.pix_to_face >= 0
    coverage = torch.where(used, torch.sigmoid(-fragments.dists / sigma), 0.0)
    nearness = torch.where(used, (zfar - fragments.zbuf) / (zfar - znear), 0.0)
    nearness = nearness - nearness.amax(-1, keepdim=True)
    weights = coverage * torch.exp(nearness / gamma)
    total = weights.sum(-1, keepdim=True) + _BACKGROUND_WEIGHT
    blended = torch.einsum("bhwk,bhwkc->bhwc", weights / total, colours)
    behind = _BACKGROUND_WEIGHT / total * colours.new_tensor(background)
    return (blended + behind).permute(0, 3, 1, 2)


def interpolate(
    fragments: Fragments, faces: Int[Tensor, "f 3"], attributes: Float[Tensor, "v c"]
) -> Float[Tensor, "b h w k c"]:
    """Vertex attributes at every fragment; zero in unused places."""
    used = fragments.pix_to_face >= 0
    corners = attributes[faces[fragments.pix_to_face[used]]]
    values = (fragments.bary_coords[used].unsqueeze(-1) * corners).sum(1)
    filled = values.new_zeros(*used.shape, attributes.shape[1])
    return filled.masked_scatter(used.unsqueeze(-1), values)


def _scatter(values: Tensor, place: Int[Tensor, "p"], shape: tuple[int, ...]) -> Tensor:
    return values.new_full((math.prod(shape),), -1).scatter(0, place, values).reshape(shape)


def _check(meshes: MeshBatch, cam2world: Tensor, resolution_px: int, faces_per_pixel: int, blur_radius: float) -> None:
    if len(cam2world) != meshes.size:
        raise ValueError(f"expected one camera a mesh, got {len(cam2world)} cameras for {meshes.size} meshes")
    if resolution_px < 1 or faces_per_pixel < 1 or not 0.0 <= blur_radius < math.inf:
        raise ValueError(
            "expected resolution_px >= 1, faces_per_pixel >= 1 and a finite blur_radius >= 0, got "
            f"{resolution_px}, {faces_per_pixel} and {blur_radius}"
        )
