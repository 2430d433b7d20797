"""Mesh refinement: gradient descent on vertices and camera so that renders match the input image and mask."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from shelfnet.adam import Adam
from shelfnet.config.meshes import RefineSettings
from shelfnet.geometry.cameras import wrap_angle
from shelfnet.geometry.meshes import Mesh
from shelfnet.reconstruction.laplacian_adam import LaplacianAdam
from shelfnet.reconstruction.refinement_objective import Evaluation, Objective, Variables
from shelfnet.reconstruction.regularisers import build_topology
from shelfnet.renderer.mesh_batch import pack_meshes

log = logging.getLogger(__name__)

OnStep = Callable[[int, int], None]
"""Receives the number of finished optimiser steps and their total."""


@dataclass(frozen=True)
class RefinedMesh:
    """One object after refinement.

    Attributes:
        mesh: Mesh with moved vertices and unchanged faces.
        azimuth: Camera azimuth in radians, in [-pi, pi).
        elevation: Camera elevation in radians.
        mask_iou_before: IoU of the initial silhouette and the mask at the refinement's resolution.
        mask_iou_after: IoU of the final silhouette and the mask, never less than before.
    """

    mesh: Mesh
    azimuth: float
    elevation: float
    mask_iou_before: float
    mask_iou_after: float


def refine_meshes(
    meshes: Sequence[Mesh],
    vertex_colours: Sequence[Float[np.ndarray, "_ 3"]],
    images: Float[Tensor, "b 3 h w"],
    masks: Float[Tensor, "b h w"],
    azimuth: Float[Tensor, "b"],
    elevation: Float[Tensor, "b"],
    settings: RefineSettings,
    fov: float,
    camera_distance: float,
    on_step: OnStep | None = None,
) -> list[RefinedMesh]:
    """Refine a batch of meshes and their cameras; objects do not influence one another.

    The result of each object is the iterate with the lowest loss among those that cover the mask at least as well as
    the initial mesh. An object whose loss or gradient becomes non-finite stops and keeps its best iterate. Empty meshes
    are returned unchanged.

    Args:
        meshes: Meshes in object units.
        vertex_colours: RGB in [0, 1] per vertex, constant during refinement.
        images: Images on white, in [0, 1], ``settings.resolution_px`` per side.
        masks: Masks in [0, 1] of the same size.
        azimuth: Predicted camera azimuths in radians.
        elevation: Predicted camera elevations in radians.
        settings: Iterations, learning rates, largest offset, rasterizer and weights.
        fov: Field of view in radians.
        camera_distance: Distance from camera to origin in object units.
        on_step: Called after each optimiser step.
    """
    colours = torch.as_tensor(np.concatenate(list(vertex_colours)), dtype=torch.float32)
    start = pack_meshes(meshes, images.device)
    objective = Objective(
        start=start,
        topology=build_topology(start),
        colours=colours.to(images.device),
        images=images,
        masks=masks,
        settings=settings,
        fov=fov,
        camera_distance=camera_distance,
    )
    initial = Variables(torch.zeros_like(start.vertices), azimuth, elevation)
    return _unpack(meshes, objective, _minimise(objective, initial.copy(), on_step))


@dataclass(frozen=True)
class _Best:
    """Best iterate of each object so far."""

    variables: Variables
    loss: Float[Tensor, "b"]
    mask_iou: Float[Tensor, "b"]
    initial_mask_iou: Float[Tensor, "b"]

    def updated(self, variables: Variables, current: Evaluation, vertex_mesh: Tensor) -> "_Best":
        better = (current.loss < self.loss) & (current.mask_iou >= self.initial_mask_iou)
        return _Best(
            variables=self.variables.replaced(variables, better, vertex_mesh),
            loss=torch.where(better, current.loss, self.loss).detach(),
            mask_iou=torch.where(better, current.mask_iou, self.mask_iou),
            initial_mask_iou=self.initial_mask_iou,
        )


def _minimise(objective: Objective, variables: Variables, on_step: OnStep | None) -> _Best:
    settings, start = objective.settings, objective.start
    angles = [variables.azimuth, variables.elevation]
    for parameter in (variables.offsets, *angles):
        parameter.requires_grad_(True)
    cameras = Adam(angles, settings.camera_learning_rate)
    vertices = LaplacianAdam(start, objective.topology, settings.smoothing_length, settings.learning_rate)
    current = objective.evaluate(variables)
    active = current.loss.isfinite()
    best = _Best(variables.copy(), current.loss.detach(), current.mask_iou, current.mask_iou)
    for step in range(settings.iterations):
        for parameter in (variables.offsets, *angles):
            parameter.grad = None
        torch.where(active, current.loss, 0.0).sum().backward()
        active = _mask_nonfinite_gradients(variables, active, start.vertex_mesh)
        cameras.step([_gradient(angle) for angle in angles])
        vertices.step(variables.offsets, _gradient(variables.offsets))
        _clip_offsets(variables.offsets, settings.max_offset)
        current = objective.evaluate(variables)
        active = active & current.loss.isfinite()
        best = best.updated(variables, current, start.vertex_mesh)
        if on_step is not None:
            on_step(step + 1, settings.iterations)
    if not active.all():
        log.warning("refinement: %d of %d objects stopped at a non-finite loss", int((~active).sum()), len(active))
    return best


@torch.no_grad()
def _mask_nonfinite_gradients(
    variables: Variables, active: Bool[Tensor, "b"], vertex_mesh: Tensor
) -> Bool[Tensor, "b"]:
    """Select the active objects with finite gradients and set the gradients of all others to zero."""
    offsets, azimuth, elevation = map(_gradient, (variables.offsets, variables.azimuth, variables.elevation))
    broken = torch.zeros_like(azimuth).index_add(0, vertex_mesh, (~offsets.isfinite()).any(1).to(azimuth.dtype))
    active = active & (broken == 0) & azimuth.isfinite() & elevation.isfinite()
    offsets.masked_fill_(~active[vertex_mesh, None], 0.0)
    azimuth.masked_fill_(~active, 0.0)
    elevation.masked_fill_(~active, 0.0)
    return active


def _gradient(tensor: Tensor) -> Tensor:
    if tensor.grad is None:
        tensor.grad = torch.zeros_like(tensor)
    return tensor.grad


@torch.no_grad()
def _clip_offsets(offsets: Float[Tensor, "v 3"], max_offset: float | None) -> None:
    """Clip the length of vertex offsets in place."""
    if max_offset is not None:
        length = torch.linalg.vector_norm(offsets, dim=1, keepdim=True)
        offsets.mul_(max_offset / length.clamp(min=max_offset))


def _unpack(meshes: Sequence[Mesh], objective: Objective, best: _Best) -> list[RefinedMesh]:
    moved = (objective.start.vertices + best.variables.offsets).double().cpu()
    vertices = moved.split(objective.start.vertex_counts().tolist())
    columns = (wrap_angle(best.variables.azimuth), best.variables.elevation, best.initial_mask_iou, best.mask_iou)
    values = zip(*(column.tolist() for column in columns), strict=True)
    return [
        RefinedMesh(Mesh(positions.numpy(), mesh.faces), *numbers)
        for mesh, positions, numbers in zip(meshes, vertices, values, strict=True)
    ]
