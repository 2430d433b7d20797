"""Single-view reconstruction and its refinement, shared by the workflow and the command line."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from shelfnet.config.meshes import ReconstructSettings, RefineSettings
from shelfnet.config.render import RenderSettings
from shelfnet.inference import predict_view
from shelfnet.networks.encoder import resize
from shelfnet.networks.shelfnet import Rendering, ShelfNet
from shelfnet.reconstruction.coloured_mesh import ColouredMesh, simplify_coloured
from shelfnet.reconstruction.mesh_extraction import extract_mesh
from shelfnet.reconstruction.projective_texturing import PosedImage
from shelfnet.reconstruction.refinement import OnStep, RefinedMesh, refine_meshes
from shelfnet.reconstruction.silhouettes import mesh_mask_iou
from shelfnet.reconstruction.surface_colours import surface_colours
from shelfnet.reconstruction.texture_baking import bake_texture, interpolated_colours
from shelfnet.representations.field import Field


@dataclass(frozen=True)
class Reconstruction:
    """Mesh and camera predicted from one image.

    Attributes:
        surface: Mesh with vertex colours and, if configured, a texture; may be empty.
        azimuth: Camera azimuth in radians.
        elevation: Camera elevation in radians.
        mask_iou: IoU of the mesh's silhouette in that camera and the image's mask.
    """

    surface: ColouredMesh
    azimuth: float
    elevation: float
    mask_iou: float


@torch.inference_mode()
def reconstruct_image(
    model: ShelfNet,
    image: Float[Tensor, "1 3 h w"],
    mask: Float[Tensor, "1 1 h w"],
    settings: ReconstructSettings,
    render: RenderSettings,
) -> Reconstruction:
    """Predict mesh and camera by one forward pass and marching cubes.

    Args:
        model: Network in evaluation mode.
        image: Image on white, in [0, 1], on the device of the model.
        mask: Mask in [0, 1]. It does not influence the shape, only the choice among view hypotheses.
        settings: Resolution, level and size of the mesh.
        render: Field of view and distance of the camera.
    """
    encoding = model.encode(image)
    field = model.decode(encoding.latent)
    observed = Rendering(image, mask[:, 0])
    azimuth, elevation = map(float, predict_view(model, field, encoding, observed, settings.choose_view))
    occupancy = partial(_occupancy, model, field)
    mesh = extract_mesh(occupancy, settings.resolution, settings.level, settings.largest_component, settings.max_faces)
    colours = partial(surface_colours, model, field)
    surface = ColouredMesh(mesh, colours(mesh.vertices, mesh.vertex_normals()))
    posed = _posed_image(image[0], mask[0, 0], azimuth, elevation, render)
    if settings.texture == "atlas" and not mesh.is_empty:
        surface = replace(surface, texture=bake_texture(mesh, posed, colours, settings.texture_px))
    return _reconstruction(surface, posed)


def refine_reconstructions(
    coarse: Sequence[Reconstruction],
    images: Float[Tensor, "b 3 h w"],
    masks: Float[Tensor, "b 1 h w"],
    settings: RefineSettings,
    render: RenderSettings,
    on_step: OnStep | None = None,
) -> list[Reconstruction]:
    """Simplify meshes to the face budget and fit them and their cameras to their images, as one batch.

    Refinement is undone where it lowers the mask IoU at the full size of the mask: the identical coarse object is
    returned.

    Args:
        coarse: At least one reconstruction.
        images: Images on white, in [0, 1].
        masks: Masks in [0, 1].
        settings: Settings of the refinement.
        render: Field of view and distance of the cameras.
        on_step: Called after each optimiser step.
    """
    simplified = [simplify_coloured(reconstruction.surface, settings.max_faces) for reconstruction in coarse]
    results = refine_meshes(
        [surface.mesh for surface in simplified],
        [surface.colours for surface in simplified],
        resize(images, settings.resolution_px),
        resize(masks, settings.resolution_px).squeeze(1),
        images.new_tensor([reconstruction.azimuth for reconstruction in coarse]),
        images.new_tensor([reconstruction.elevation for reconstruction in coarse]),
        settings,
        math.radians(render.fov_deg),
        render.camera_distance,
        on_step,
    )
    refined = []
    for before, surface, result, image, mask in zip(coarse, simplified, results, images, masks[:, 0], strict=True):
        posed = _posed_image(image, mask, result.azimuth, result.elevation, render)
        refined.append(_better(before, surface, result, posed, settings))
    return refined


def _better(
    coarse: Reconstruction, simplified: ColouredMesh, result: RefinedMesh, posed: PosedImage, settings: RefineSettings
) -> Reconstruction:
    """The refined mesh with its texture, or the coarse one if that covers the mask better."""
    refined = _reconstruction(ColouredMesh(result.mesh, simplified.colours), posed)
    if refined.mask_iou < coarse.mask_iou:
        return coarse
    if settings.texture == "atlas" and not result.mesh.is_empty:
        predicted = interpolated_colours(coarse.surface.mesh.vertices, coarse.surface.colours)
        texture = bake_texture(result.mesh, posed, predicted, settings.texture_px, simplified.mesh.vertices)
        refined = replace(refined, surface=replace(refined.surface, texture=texture))
    return refined


def _occupancy(model: ShelfNet, field: Field, points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n"]:
    like = next(model.parameters())
    return field.occupancy(torch.from_numpy(points).to(like)[None])[0].cpu().numpy()


def _posed_image(
    image: Float[Tensor, "3 h w"], mask: Float[Tensor, "h w"], azimuth: float, elevation: float, render: RenderSettings
) -> PosedImage:
    fov = math.radians(render.fov_deg)
    return PosedImage(image.cpu(), mask.cpu(), azimuth, elevation, fov, render.camera_distance)


def _reconstruction(surface: ColouredMesh, posed: PosedImage) -> Reconstruction:
    azimuth, elevation = posed.azimuth, posed.elevation
    iou = mesh_mask_iou(surface.mesh, azimuth, elevation, posed.mask, posed.fov, posed.camera_distance)
    return Reconstruction(surface, azimuth, elevation, iou)
