"""Soft renders of meshes: silhouettes and colours that are differentiable in vertices and cameras.

Blending follows Liu et al., "Soft Rasterizer", ICCV 2019. On a CPU, compiled loops find the nearest faces of every
pixel, blend them and compute the gradients; elsewhere tensor operations do (:mod:`shelfnet.renderer.rasterizer`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from shelfnet.renderer.compiled_loops import can_compile, for_each_object, object_arrays
from shelfnet.renderer.mesh_batch import MeshBatch
from shelfnet.renderer.pixel_face_pairs import find_nearest_faces
from shelfnet.renderer.rasterizer import (
    Fragments,
    blur_radius_from_sigma,
    hard_silhouette,
    interpolate,
    rasterize,
    soft_rgb,
    soft_silhouette,
    to_ndc,
)


@dataclass(frozen=True)
class SoftRender:
    """Renders of a batch of meshes.

    Attributes:
        silhouette: Probability that a face covers each pixel.
        rgb: Colours on white.
        covered: Pixels whose centre is covered by one of the nearest faces; without gradient.
    """

    silhouette: Float[Tensor, "b h w"]
    rgb: Float[Tensor, "b 3 h w"]
    covered: Bool[Tensor, "b h w"]


@dataclass(frozen=True)
class Softness:
    """How renders blend faces.

    Attributes:
        faces_per_pixel: Number of faces blended per pixel, nearest first.
        sigma: Squared NDC distance over which coverage fades.
        gamma: Temperature of the softmax over normalised depth.
    """

    faces_per_pixel: int
    sigma: float
    gamma: float


def soft_render(
    meshes: MeshBatch,
    colours: Float[Tensor, "v 3"],
    cam2world: Float[Tensor, "b 4 4"],
    fov: float,
    resolution_px: int,
    softness: Softness,
    rasterizer: Callable[..., Fragments] = rasterize,
) -> SoftRender:
    """Render each mesh with its camera.

    Where numba is installed, float32 meshes on a CPU are rendered by compiled loops, unless there is another
    ``rasterizer`` or ``colours`` need a gradient.

    Args:
        meshes: Packed meshes, one per camera.
        colours: RGB of the packed vertices in [0, 1].
        cam2world: OpenCV cameras.
        fov: Field of view in radians.
        resolution_px: Side of the square images in pixels.
        softness: How faces are blended.
        rasterizer: :func:`rasterize` or a replacement.
    """
    corners = to_ndc(meshes, cam2world, fov)[meshes.faces] if rasterizer is rasterize else None
    if corners is not None and not colours.requires_grad and can_compile(corners, colours):
        render = _CompiledRender.apply(corners, colours[meshes.faces], meshes, resolution_px, softness)
        silhouette, rgb, covered = (value.unflatten(1, (resolution_px, resolution_px)) for value in render)  # pyright: ignore[reportGeneralTypeIssues]
        return SoftRender(silhouette, rgb.movedim(-1, 1), covered)
    blur_radius = blur_radius_from_sigma(softness.sigma)
    fragments = rasterizer(meshes, cam2world, fov, resolution_px, softness.faces_per_pixel, blur_radius)
    face_colours = interpolate(fragments, meshes.faces, colours)
    return SoftRender(
        silhouette=soft_silhouette(fragments, softness.sigma),
        rgb=soft_rgb(fragments, face_colours, softness.sigma, softness.gamma),
        covered=hard_silhouette(fragments),
    )


class _CompiledRender(torch.autograd.Function):
    """Silhouettes, colours and covered pixels from the corners of all faces in NDC and their colours."""

    @staticmethod
    def forward(
        ctx: Any,
        corners: Float[Tensor, "f 3 3"],
        colours: Float[Tensor, "f 3 3"],
        meshes: MeshBatch,
        resolution_px: int,
        softness: Softness,
    ) -> tuple[Tensor, ...]:
        from shelfnet.renderer.raster_kernels import SoftImage, render_forward

        blur_radius, slots = blur_radius_from_sigma(softness.sigma), softness.faces_per_pixel
        found = find_nearest_faces(corners, meshes.face_mesh, meshes.size, resolution_px, slots, blur_radius).face
        pixels = (meshes.size, resolution_px**2)
        image = corners.new_zeros(pixels), corners.new_ones(*pixels, 3), torch.zeros(pixels, dtype=torch.bool)
        inputs, nearest = (corners.numpy(), colours.numpy()), found.numpy()

        def render(mesh: int) -> None:
            own = SoftImage(*object_arrays(image, mesh))
            render_forward(*inputs, resolution_px, softness.sigma, softness.gamma, nearest[mesh], own)

        for_each_object(render, meshes.size)
        ctx.mark_non_differentiable(image[2])
        ctx.save_for_backward(corners, colours, found, *image)
        ctx.softness, ctx.resolution_px = softness, resolution_px
        return image

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        from shelfnet.renderer.raster_kernels import SoftImage, render_backward

        corners, colours, found, *image = ctx.saved_tensors
        d_corners, softness = torch.zeros_like(corners), ctx.softness
        d_image = gradients[0].contiguous(), gradients[1].contiguous(), image[2]
        inputs, nearest, written = (corners.numpy(), colours.numpy()), found.numpy(), d_corners.numpy()

        def render(mesh: int) -> None:
            own, d_own = (SoftImage(*object_arrays(tensors, mesh)) for tensors in (image, d_image))
            render_backward(
                *inputs, ctx.resolution_px, softness.sigma, softness.gamma, nearest[mesh], own, d_own, written
            )

        for_each_object(render, len(found))
        return d_corners, None, None, None, None
