"""One view to a mesh, and its refinement: what the workflow's stages and the command line share."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from jaxtyping import Float
from scipy.spatial import cKDTree
from torch import Tensor

from shelfnet.config.meshes import ReconstructSettings, RefineSettings
from shelfnet.config.render import RenderSettings
from shelfnet.geometry.meshes import Mesh
from shelfnet.inference import predict_view
from shelfnet.networks.encoder import resize
from shelfnet.networks.shelfnet import Rendering, ShelfNet
from shelfnet.reconstruction.bake import ColourField, bake, interpolated_colours
from shelfnet.reconstruction.export import ColouredMesh
from shelfnet.reconstruction.extract import extract_mesh, simplify
from shelfnet.reconstruction.photograph import Photograph
from shelfnet.reconstruction.refine import Refined, refine_meshes
from shelfnet.reconstruction.silhouettes import silhouette_iou
from shelfnet.reconstruction.surface_colours import surface_colours
from shelfnet.representations.field import Field


@dataclass(frozen=True)
class ViewedMesh:
    """What is predicted from one image.

    Attributes:
        surface: mesh, vertex colours and, where the settings ask for one, texture; may be empty.
        azimuth: of the camera, radians.
        elevation: of the camera, radians.
        mask_iou: of the mesh's silhouette from that camera against the image's mask.
    """

    surface: ColouredMesh
    azimuth: float
    elevation: float
    mask_iou: float


@torch.inference_mode()
def reconstruct_view(
    model: ShelfNet,
    image: Float[Tensor, "1 3 h w"],
    mask: Float[Tensor, "1 1 h w"],
    settings: ReconstructSettings,
    render: RenderSettings,
) -> ViewedMesh:
    """Mesh and view of one image, by one forward pass and marching cubes.

    Args:
        model: in evaluation mode.
        image: on white, in [0, 1], where the model is.
        mask: in [0, 1], likewise; no shape is predicted from it, but it may choose among hypotheses of the view.
        settings: resolution, level and size of the mesh.
        render: field of view and distance of the cameras.
    """
    encoding = model.encode(image)
    field = model.decode(encoding.latent)
    observed = Rendering(image, mask[:, 0])
    azimuth, elevation = map(float, predict_view(model, field, encoding, observed, settings.choose_view))
    mesh, colours = _extract(model, field, settings)
    surface = ColouredMesh(mesh, colours(mesh.vertices, mesh.vertex_normals()))
    if settings.texture == "atlas" and not mesh.is_empty:
        photo = _photograph(image[0], mask[0, 0], azimuth, elevation, render)
        surface = replace(surface, texture=bake(mesh, photo, colours, settings.texture_px))
    return ViewedMesh(surface, azimuth, elevation, _mask_iou(surface, azimuth, elevation, mask[0, 0], render))


def refine_views(
    starts: Sequence[ViewedMesh],
    images: Float[Tensor, "b 3 h w"],
    masks: Float[Tensor, "b 1 h w"],
    settings: RefineSettings,
    render: RenderSettings,
) -> list[ViewedMesh]:
    """Simplify meshes to the budget of faces and fit them and their cameras to their images, all at once.

    A mesh whose silhouette would not cover its mask at the mask's full size at least as well as before is returned as
    the very object that came in.

    Args:
        starts: not empty.
        images: on white, in [0, 1].
        masks: in [0, 1].
        settings: of the optimisation.
        render: field of view and distance of the cameras.
    """
    within_budget = [simplify_coloured(start.surface, settings.max_faces) for start in starts]
    results = refine_meshes(
        [surface.mesh for surface in within_budget],
        [surface.colours for surface in within_budget],
        resize(images, settings.resolution_px),
        resize(masks, settings.resolution_px).squeeze(1),
        images.new_tensor([start.azimuth for start in starts]),
        images.new_tensor([start.elevation for start in starts]),
        settings,
        math.radians(render.fov_deg),
        render.camera_distance,
    )
    return [
        _better(start, simple, result, image, mask[0], settings, render)
        for start, simple, result, image, mask in zip(starts, within_budget, results, images, masks, strict=True)
    ]


def _better(
    start: ViewedMesh,
    simple: ColouredMesh,
    result: Refined,
    image: Float[Tensor, "3 h w"],
    mask: Float[Tensor, "h w"],
    settings: RefineSettings,
    render: RenderSettings,
) -> ViewedMesh:
    """The refined mesh, painted; or the start where that covers the mask better."""
    surface = ColouredMesh(result.mesh, simple.colours)
    iou = _mask_iou(surface, result.azimuth, result.elevation, mask, render)
    if iou < start.mask_iou:
        return start
    if settings.texture == "atlas" and not result.mesh.is_empty:
        photo = _photograph(image, mask, result.azimuth, result.elevation, render)
        predicted = interpolated_colours(start.surface.mesh.vertices, start.surface.colours)
        texture = bake(result.mesh, photo, predicted, settings.texture_px, simple.mesh.vertices)
        surface = replace(surface, texture=texture)
    return ViewedMesh(surface, result.azimuth, result.elevation, iou)


def simplify_coloured(surface: ColouredMesh, max_faces: int) -> ColouredMesh:
    """A mesh simplified to the budget; its vertices take the colours of the nearest original ones."""
    mesh = simplify(surface.mesh, max_faces)
    nearest = cKDTree(surface.mesh.vertices).query(mesh.vertices)[1]
    return ColouredMesh(mesh, surface.colours[nearest])


def _extract(model: ShelfNet, field: Field, settings: ReconstructSettings) -> tuple[Mesh, ColourField]:
    """The mesh of a field of one object, and the predicted colours of all points."""
    like = next(model.parameters())

    def tensor(points: Float[np.ndarray, "n 3"]) -> Tensor:
        return torch.from_numpy(points).to(like)[None]

    def occupancy(points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n"]:
        return field.occupancy(tensor(points))[0].cpu().numpy()

    mesh = extract_mesh(occupancy, settings.resolution, settings.level, settings.largest_component, settings.max_faces)
    return mesh, partial(surface_colours, model, field)


def _photograph(
    image: Float[Tensor, "3 h w"], mask: Float[Tensor, "h w"], azimuth: float, elevation: float, render: RenderSettings
) -> Photograph:
    return Photograph(image.cpu(), mask.cpu(), azimuth, elevation, math.radians(render.fov_deg), render.camera_distance)


def _mask_iou(
    surface: ColouredMesh, azimuth: float, elevation: float, mask: Float[Tensor, "h w"], render: RenderSettings
) -> float:
    fov = math.radians(render.fov_deg)
    return silhouette_iou(surface.mesh, azimuth, elevation, mask, fov, render.camera_distance)
