"""Objective of mesh refinement: render losses through a differentiable rasterizer, and mesh regularisers."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from shelfnet.config.meshes import RefineSettings
from shelfnet.geometry.cameras import look_at_origin
from shelfnet.losses.reconstruction import mask_loss, rgb_loss
from shelfnet.reconstruction.regularisers import Topology, edge_loss, laplacian_loss, normal_loss, offset_loss
from shelfnet.reconstruction.silhouettes import mask_iou
from shelfnet.renderer.mesh_batch import MeshBatch
from shelfnet.renderer.pytorch3d_rasterizer import rasterize_pytorch3d
from shelfnet.renderer.rasterizer import Fragments, rasterize
from shelfnet.renderer.soft_render import Softness, SoftRender, soft_render

RASTERIZERS: dict[str, Callable[..., Fragments]] = {"own": rasterize, "pytorch3d": rasterize_pytorch3d}

_GAMMA = 1e-4
"""Temperature of the depth softmax in the soft RGB blend; PyTorch3D's default."""


@dataclass(frozen=True)
class Variables:
    """Optimised variables of a batch: packed vertex offsets in object units, camera angles in radians."""

    offsets: Float[Tensor, "v 3"]
    azimuth: Float[Tensor, "b"]
    elevation: Float[Tensor, "b"]

    def copy(self) -> "Variables":
        """Detached copy."""
        return Variables(*(value.detach().clone() for value in (self.offsets, self.azimuth, self.elevation)))

    def replaced(self, new: "Variables", objects: Bool[Tensor, "b"], vertex_mesh: Tensor) -> "Variables":
        """Detached variables with the selected ``objects`` taken from ``new``."""
        return Variables(
            torch.where(objects[vertex_mesh, None], new.offsets, self.offsets).detach(),
            torch.where(objects, new.azimuth, self.azimuth).detach(),
            torch.where(objects, new.elevation, self.elevation).detach(),
        )


@dataclass(frozen=True)
class Evaluation:
    """Loss and mask IoU of each object."""

    loss: Float[Tensor, "b"]
    mask_iou: Float[Tensor, "b"]


@dataclass(frozen=True)
class Objective:
    """Refinement objective of a batch of objects.

    Attributes:
        start: Meshes without offsets.
        topology: Their topology.
        colours: RGB of the packed vertices in [0, 1].
        images: Input images on white, in [0, 1].
        masks: Input masks in [0, 1].
        settings: Rasterizer, its resolution, and the weights of the terms.
        fov: Field of view in radians.
        camera_distance: Distance from camera to origin in object units.
    """

    start: MeshBatch
    topology: Topology
    colours: Float[Tensor, "v 3"]
    images: Float[Tensor, "b 3 h w"]
    masks: Float[Tensor, "b h w"]
    settings: RefineSettings
    fov: float
    camera_distance: float

    def evaluate(self, variables: Variables) -> Evaluation:
        """Rasterize and compute loss and mask IoU."""
        weights = self.settings.weights
        meshes = self.start.with_vertices(self.start.vertices + variables.offsets)
        render = self._render(meshes, variables.azimuth, variables.elevation)
        render_loss = self._render_loss(render, self.images, self.masks)
        if weights.mirror > 0.0:
            mirrored = self._render(meshes, -variables.azimuth, variables.elevation)
            mirrored_loss = self._render_loss(mirrored, self.images.flip(-1), self.masks.flip(-1))
            render_loss = (render_loss + weights.mirror * mirrored_loss) / (1.0 + weights.mirror)
        loss = render_loss + self._mesh_loss(meshes)
        loss = loss + weights.offset * offset_loss(variables.offsets, meshes.vertex_mesh, meshes.size)
        return Evaluation(loss, mask_iou(render.covered, self.masks))

    def _render(self, meshes: MeshBatch, azimuth: Float[Tensor, "b"], elevation: Float[Tensor, "b"]) -> SoftRender:
        settings = self.settings
        return soft_render(
            meshes,
            self.colours,
            look_at_origin(azimuth, elevation, self.camera_distance),
            self.fov,
            settings.resolution_px,
            Softness(settings.faces_per_pixel, settings.sigma, _GAMMA),
            RASTERIZERS[settings.rasterizer],
        )

    def _render_loss(
        self, render: SoftRender, images: Float[Tensor, "b 3 h w"], masks: Float[Tensor, "b h w"]
    ) -> Float[Tensor, "b"]:
        weights = self.settings.weights
        loss = weights.mask * mask_loss(render.silhouette, masks)
        if weights.rgb > 0.0:
            loss = loss + weights.rgb * rgb_loss(render.rgb, images)
        return loss

    def _mesh_loss(self, meshes: MeshBatch) -> Float[Tensor, "b"]:
        weights = self.settings.weights
        terms = ((weights.laplacian, laplacian_loss), (weights.edge, edge_loss), (weights.normal, normal_loss))
        loss = meshes.vertices.new_zeros(meshes.size)
        for weight, term in terms:
            if weight > 0.0:
                loss = loss + weight * term(meshes, self.topology)
        return loss
