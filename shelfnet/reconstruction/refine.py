"""Refinement: vertices and camera of coarse meshes, through a differentiable rasterizer, against image and mask."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from shelfnet.config.meshes import RefineSettings, RefineWeights
from shelfnet.geometry.cameras import look_at_origin, wrap_angle
from shelfnet.geometry.meshes import Mesh
from shelfnet.losses.reconstruction import mask_loss, rgb_loss
from shelfnet.reconstruction.energies import (
    Topology,
    edge_energy,
    laplacian_energy,
    normal_energy,
    offset_energy,
    topology,
)
from shelfnet.reconstruction.silhouettes import coverage, coverage_iou
from shelfnet.reconstruction.smooth_descent import SmoothDescent
from shelfnet.renderer.mesh_batch import MeshBatch, pack_meshes
from shelfnet.renderer.pytorch3d_rasterizer import rasterize_pytorch3d
from shelfnet.renderer.rasterizer import (
    Fragments,
    blur_radius_from_sigma,
    interpolate,
    rasterize,
    soft_rgb,
    soft_silhouette,
)

log = logging.getLogger(__name__)

RASTERIZERS: dict[str, Callable[..., Fragments]] = {"own": rasterize, "pytorch3d": rasterize_pytorch3d}

_GAMMA = 1e-4
"""Sharpness of the depth softmax of the soft RGB blend; PyTorch3D's default."""


@dataclass(frozen=True)
class Refined:
    """One object after refinement.

    Attributes:
        mesh: moved vertices over the faces that came in.
        azimuth: of the camera, radians in [-pi, pi).
        elevation: of the camera, radians.
        mask_iou_before: of the silhouette that came in against the mask, at the refinement's resolution.
        mask_iou_after: of the one that came out; never smaller.
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
) -> list[Refined]:
    """Move vertices and cameras so that renders agree with images, each object for itself.

    No vertex ends farther than ``settings.max_offset`` from where it began. Of all iterates whose silhouette covers the
    mask at least as well as the first, an object's is the one of least energy. An object whose energy or gradient is
    not finite stops there and keeps the best it had. Empty meshes pass.

    Args:
        meshes: in object units.
        vertex_colours: RGB in [0, 1] of each mesh; they stay with their vertices.
        images: on white, in [0, 1], of side ``settings.resolution_px``.
        masks: in [0, 1], likewise.
        azimuth: predicted view of each image, radians.
        elevation: likewise.
        settings: iterations, rates, limits, rasterizer and weights.
        fov: field of view in radians.
        camera_distance: to the origin, in object units; it stays.

    Raises:
        ValueError: the numbers of objects differ, or images are not of side ``settings.resolution_px``.
    """
    _check(meshes, vertex_colours, images, masks, azimuth, elevation, settings)
    colours = torch.as_tensor(np.concatenate(list(vertex_colours)), dtype=torch.float32)
    problem = _Problem(
        start=pack_meshes(meshes, images.device),
        colours=colours.to(images.device),
        images=images,
        masks=masks,
        settings=settings,
        fov=fov,
        camera_distance=camera_distance,
    )
    return _unpack(meshes, problem, _descend(problem, _State.of(problem.start, azimuth, elevation)))


@dataclass(frozen=True)
class _State:
    """What is optimised."""

    offsets: Float[Tensor, "v 3"]
    azimuth: Float[Tensor, "b"]
    elevation: Float[Tensor, "b"]

    @staticmethod
    def of(start: MeshBatch, azimuth: Float[Tensor, "b"], elevation: Float[Tensor, "b"]) -> "_State":
        return _State(torch.zeros_like(start.vertices), azimuth.detach().clone(), elevation.detach().clone())

    def chosen(self, other: "_State", take: Bool[Tensor, "b"], vertex_mesh: Tensor) -> "_State":
        """``other`` for the objects in ``take``, ``self`` for the rest."""
        return _State(
            torch.where(take[vertex_mesh, None], other.offsets, self.offsets).detach(),
            torch.where(take, other.azimuth, self.azimuth).detach(),
            torch.where(take, other.elevation, self.elevation).detach(),
        )


@dataclass(frozen=True)
class _Evaluation:
    energy: Float[Tensor, "b"]
    mask_iou: Float[Tensor, "b"]


@dataclass(frozen=True)
class _Best:
    """The best iterate of every object so far."""

    state: _State
    energy: Float[Tensor, "b"]
    mask_iou: Float[Tensor, "b"]
    first_mask_iou: Float[Tensor, "b"]

    def improved(self, state: _State, now: _Evaluation, vertex_mesh: Tensor) -> "_Best":
        take = (now.energy < self.energy) & (now.mask_iou >= self.first_mask_iou)
        return _Best(
            state=self.state.chosen(state, take, vertex_mesh),
            energy=torch.where(take, now.energy, self.energy).detach(),
            mask_iou=torch.where(take, now.mask_iou, self.mask_iou),
            first_mask_iou=self.first_mask_iou,
        )


class _Problem:
    """The energy of a batch of objects."""

    def __init__(
        self,
        *,
        start: MeshBatch,
        colours: Float[Tensor, "v 3"],
        images: Float[Tensor, "b 3 h w"],
        masks: Float[Tensor, "b h w"],
        settings: RefineSettings,
        fov: float,
        camera_distance: float,
    ) -> None:
        self.start = start
        self.colours = colours
        self.images = images
        self.masks = masks
        self.settings = settings
        self.fov = fov
        self.camera_distance = camera_distance
        self.connectivity = topology(start)
        self.rasterize = RASTERIZERS[settings.rasterizer]

    def evaluate(self, state: _State) -> _Evaluation:
        meshes = self.start.with_vertices(self.start.vertices + state.offsets)
        fragments = self._rasterize(meshes, state)
        weights = self.settings.weights
        energy = self._data_energy(meshes, fragments, weights) + _shape_energy(meshes, self.connectivity, weights)
        energy = energy + weights.offset * offset_energy(state.offsets, meshes.vertex_mesh, meshes.size)
        return _Evaluation(energy, coverage_iou(coverage(fragments), self.masks))

    def _rasterize(self, meshes: MeshBatch, state: _State) -> Fragments:
        return self.rasterize(
            meshes,
            look_at_origin(state.azimuth, state.elevation, self.camera_distance),
            self.fov,
            self.settings.resolution_px,
            self.settings.faces_per_pixel,
            blur_radius_from_sigma(self.settings.sigma),
        )

    def _data_energy(self, meshes: MeshBatch, fragments: Fragments, weights: RefineWeights) -> Float[Tensor, "b"]:
        sigma = self.settings.sigma
        energy = weights.mask * mask_loss(soft_silhouette(fragments, sigma), self.masks)
        if weights.rgb > 0.0:
            colours = interpolate(fragments, meshes.faces, self.colours)
            energy = energy + weights.rgb * rgb_loss(soft_rgb(fragments, colours, sigma, _GAMMA), self.images)
        return energy


def _shape_energy(meshes: MeshBatch, connectivity: Topology, weights: RefineWeights) -> Float[Tensor, "b"]:
    terms = (
        (weights.laplacian, laplacian_energy),
        (weights.edge, edge_energy),
        (weights.normal, normal_energy),
    )
    energy = meshes.vertices.new_zeros(meshes.size)
    for weight, term in terms:
        if weight > 0.0:
            energy = energy + weight * term(meshes, connectivity)
    return energy


def _descend(problem: _Problem, state: _State) -> _Best:
    settings = problem.settings
    angles = [state.azimuth, state.elevation]
    for parameter in (state.offsets, *angles):
        parameter.requires_grad_(True)
    cameras = torch.optim.Adam(angles, lr=settings.camera_learning_rate)
    surface = SmoothDescent(problem.start, problem.connectivity, settings.smoothing_length, settings.learning_rate)
    now = problem.evaluate(state)
    alive = now.energy.isfinite()
    best = _Best(_detached(state), now.energy.detach(), now.mask_iou, now.mask_iou)
    for _ in range(settings.iterations):
        cameras.zero_grad()
        state.offsets.grad = None
        torch.where(alive, now.energy, 0.0).sum().backward()
        alive = _stop_where_not_finite(state, alive, problem.start.vertex_mesh)
        cameras.step()
        surface.step(state.offsets, _gradient(state.offsets))
        _limit(state.offsets, settings.max_offset)
        now = problem.evaluate(state)
        alive = alive & now.energy.isfinite()
        best = best.improved(state, now, problem.start.vertex_mesh)
    if not alive.all():
        log.warning("refinement: %d of %d objects stopped at a non-finite energy", int((~alive).sum()), len(alive))
    return best


@torch.no_grad()
def _limit(offsets: Float[Tensor, "v 3"], max_offset: float | None) -> None:
    """Bring displacements longer than ``max_offset``, in object units, back to that length."""
    if max_offset is not None:
        length = torch.linalg.vector_norm(offsets, dim=1, keepdim=True)
        offsets.mul_(max_offset / length.clamp(min=max_offset))


def _detached(state: _State) -> _State:
    return _State(state.offsets.detach().clone(), state.azimuth.detach().clone(), state.elevation.detach().clone())


@torch.no_grad()
def _stop_where_not_finite(state: _State, alive: Bool[Tensor, "b"], vertex_mesh: Tensor) -> Bool[Tensor, "b"]:
    """Objects whose gradients are finite; the gradients of the others become zero."""
    offsets, azimuth, elevation = (_gradient(tensor) for tensor in (state.offsets, state.azimuth, state.elevation))
    broken = torch.zeros_like(azimuth).index_add(0, vertex_mesh, (~offsets.isfinite()).any(1).to(azimuth.dtype))
    alive = alive & (broken == 0) & azimuth.isfinite() & elevation.isfinite()
    offsets.masked_fill_(~alive[vertex_mesh, None], 0.0)
    azimuth.masked_fill_(~alive, 0.0)
    elevation.masked_fill_(~alive, 0.0)
    return alive


def _gradient(tensor: Tensor) -> Tensor:
    if tensor.grad is None:
        tensor.grad = torch.zeros_like(tensor)
    return tensor.grad


def _unpack(meshes: Sequence[Mesh], problem: _Problem, best: _Best) -> list[Refined]:
    moved = (problem.start.vertices + best.state.offsets).double().cpu()
    parts = moved.split(problem.start.vertex_counts().tolist())
    azimuths = wrap_angle(best.state.azimuth).tolist()
    elevations = best.state.elevation.tolist()
    ious = zip(best.first_mask_iou.tolist(), best.mask_iou.tolist(), strict=True)
    return [
        Refined(Mesh(vertices.numpy(), mesh.faces), azimuth, elevation, before, after)
        for mesh, vertices, azimuth, elevation, (before, after) in zip(
            meshes, parts, azimuths, elevations, ious, strict=True
        )
    ]


def _check(
    meshes: Sequence[Mesh],
    vertex_colours: Sequence[np.ndarray],
    images: Tensor,
    masks: Tensor,
    azimuth: Tensor,
    elevation: Tensor,
    settings: RefineSettings,
) -> None:
    counts = [len(part) for part in (meshes, vertex_colours, images, masks, azimuth, elevation)]
    if len(set(counts)) != 1 or not meshes:
        raise ValueError(f"expected equal numbers of meshes, colours, images, masks and angles, got {counts}")
    for index, (mesh, colours) in enumerate(zip(meshes, vertex_colours, strict=True)):
        if len(colours) != len(mesh.vertices):
            raise ValueError(f"mesh {index}: expected {len(mesh.vertices)} vertex colours, got {len(colours)}")
    side = settings.resolution_px
    if images.shape[-2:] != (side, side) or masks.shape[-2:] != (side, side):
        shapes = f"{tuple(images.shape)} and {tuple(masks.shape)}"
        raise ValueError(f"expected images and masks of {side} x {side} pixels, got {shapes}")
