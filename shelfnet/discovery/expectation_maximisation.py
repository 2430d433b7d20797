"""Views and shared shapes of an image collection, by expectation-maximisation over a grid of views.

Structure determination in cryo-electron microscopy does the same (RELION, cryoSPARC: ab-initio classes): no network is
trained. The E-step compares images with renders of all shapes from all views; the M-step fits the renders to the mean
images of their views under the posterior. One shape comes first, then copies of it with noise, at growing image sizes.
"""

import logging
import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from shelfnet.config.discovery import DiscoverySettings
from shelfnet.config.render import RenderSettings
from shelfnet.discovery.image_pyramid import ImagePyramid
from shelfnet.discovery.posterior import fit_view_potentials, log_posterior_of, posterior, squared_distances
from shelfnet.discovery.progress import FinishedStage, Progress
from shelfnet.discovery.shape_mixture import ShapeCamera, ShapeMixture
from shelfnet.discovery.view_grid import ViewGrid, build_view_grid

log = logging.getLogger(__name__)

FIRST_BATCH = 128
FIRST_TEMPERATURES = (0.02, 0.006)
"""Temperature of the posterior at the first and the last step of the single shape."""

FIRST_SMOOTHNESS, SMOOTHNESS = 1e-4, 3e-4
ERROR_WEIGHT = 10.0

E_STEP_IMAGES = 8192
"""Largest number of images in an E-step between optimiser steps, so that a round costs the same for any collection."""

CHUNK_IMAGES = 2048
"""Number of images that are compared with all renders at once."""


@dataclass(frozen=True)
class Stage:
    """Rounds of expectation-maximisation with some number of shapes.

    Attributes:
        shapes: Number of shapes.
        fit_px: Image size in pixels per side of the M-step.
        compare_px: Image size in pixels per side of the E-step.
        views_per_shape: Number of views of every shape per optimiser step.
        temperature: Squared distance per pixel at which the likelihood falls by a factor e.
    """

    shapes: int
    fit_px: int
    compare_px: int
    views_per_shape: int
    temperature: float


@dataclass(frozen=True)
class Discovery:
    """Shared shapes of a collection, and what they say about each image.

    Attributes:
        grid: Views that the posterior is over.
        logits: Occupancy logits of the shapes, symmetric in x.
        colours: RGB of the shapes in [0, 1], likewise.
        views: Posterior over the views of the grid.
        shapes: Posterior over the shapes.
        best: Index of the most probable pair, ``shape * views + view``.
    """

    grid: ViewGrid
    logits: Float[Tensor, "k 1 g g g"]
    colours: Float[Tensor, "k 3 g g g"]
    views: Float[Tensor, "n v"]
    shapes: Float[Tensor, "n k"]
    best: Int[Tensor, "n"]


def plan_stages(settings: DiscoverySettings) -> list[Stage]:
    """Stages after the single shape: first more shapes, then larger images."""
    full, half, three_quarters = settings.image_px, settings.image_px // 2, 3 * settings.image_px // 4
    return [
        Stage(math.ceil(settings.shapes / 4), half, half, 16, 0.004),
        Stage(settings.shapes, half, half, 4, 0.003),
        Stage(settings.shapes, three_quarters, three_quarters, 4, 0.003),
        Stage(settings.shapes, full, three_quarters, 3, 0.002),
    ]


def pyramid_sizes(settings: DiscoverySettings) -> list[int]:
    """Image sizes in pixels per side that :func:`discover` compares."""
    return sorted({size for stage in plan_stages(settings) for size in (stage.fit_px, stage.compare_px)})


def discover(
    images: ImagePyramid,
    settings: DiscoverySettings,
    render: RenderSettings,
    name: str,
    progress: Progress | None = None,
) -> Discovery:
    """Find the view of every image and the shapes that the collection shares.

    Args:
        images: The collection, at the sizes of :func:`pyramid_sizes`.
        settings: Numbers of shapes and steps, and the seed.
        render: Camera and view prior.
        name: Name of the collection in the log.
        progress: File of the finished stages, after which an interrupted discovery continues.
    """
    generator = torch.Generator(images.device).manual_seed(settings.seed)
    grid = build_view_grid(render.prior, settings.azimuth_step_deg, settings.elevation_step_deg, images.device)
    subset = _random_subset(images, E_STEP_IMAGES, generator)
    camera = ShapeCamera(math.radians(render.fov_deg), render.camera_distance, images.framing)
    stages = plan_stages(settings)
    finished = progress.load() if progress is not None else None
    if finished is None:
        mixture = ShapeMixture.random(settings.grid_resolution, camera, generator)
        fit_single_shape(mixture, images, grid, settings.image_px // 2, settings.first_steps, name)
        finished = FinishedStage(0, mixture.logits, mixture.colours)
    else:
        log.info("%s  continues after stage %d/%d", name, finished.number, len(stages))
    for number, stage in enumerate(stages[finished.number :], start=finished.number + 1):
        generator.manual_seed(settings.seed + number)
        mixture = finished.mixture(camera, generator)
        mixture = mixture.split(stage.shapes) if stage.shapes > len(mixture) else mixture
        run_stage(mixture, images, subset, grid, stage, settings, f"{name}  stage {number}/{len(stages)}")
        finished = FinishedStage(number, mixture.logits, mixture.colours)
        if progress is not None:
            progress.save(finished)
    mixture = finished.mixture(camera, generator)
    return assign(mixture, images, subset, grid, stages[-1])


def fit_single_shape(
    mixture: ShapeMixture, images: ImagePyramid, grid: ViewGrid, px: int, steps: int, name: str
) -> None:
    """Fit one shape by stochastic expectation-maximisation with a falling temperature.

    Each view's render moves towards the mean image under the posterior of that view, so that a step costs one render
    per view for any batch size.
    """
    cameras = grid.cameras(mixture.camera.distance)
    first, last = FIRST_TEMPERATURES
    for step in range(steps):
        batch = images.take(_random_rows(images, FIRST_BATCH, mixture.generator), px)
        renders = mixture.render_all(cameras, px)
        temperature = first * (last / first) ** (step / steps)
        with torch.no_grad():
            distances = squared_distances(batch, renders, mixture.channel_weights)
            responsibilities = posterior(distances, temperature, grid.size)
            weights = responsibilities.sum(dim=0)
            means = (responsibilities.T @ batch.flatten(1)) / (weights[:, None] + 1e-8)
        error = (renders - means.view_as(renders)).square()
        mixture.fit(error, ERROR_WEIGHT * weights / len(batch), FIRST_SMOOTHNESS)
    log.info("%s  one shape: %d steps", name, steps)


def run_stage(
    mixture: ShapeMixture,
    images: ImagePyramid,
    subset: Int[Tensor, "n"],
    grid: ViewGrid,
    stage: Stage,
    settings: DiscoverySettings,
    name: str,
) -> None:
    """Alternate E-steps and batches of M-steps; changes the mixture in place.

    Args:
        mixture: Shapes.
        images: The collection.
        subset: Images of the E-steps.
        grid: Views.
        stage: Sizes and temperature.
        settings: Numbers of rounds and steps.
        name: Name of the stage in the log.
    """
    cameras = grid.cameras(mixture.camera.distance)
    for number in range(1, settings.rounds + 1):
        responsibilities = e_step(mixture, images, subset, cameras, stage)
        targets = mean_images(images, subset, responsibilities, grid, stage.fit_px)
        for _ in range(settings.steps_per_round):
            m_step(mixture, targets, grid, stage)
        entropy = -torch.xlogy(responsibilities, responsibilities).sum(dim=1).mean()
        log.info("%s  %d shapes  round %d/%d  entropy %.2f", name, len(mixture), number, settings.rounds, entropy)


@torch.no_grad()
def e_step(
    mixture: ShapeMixture, images: ImagePyramid, rows: Int[Tensor, "n"], cameras: Float[Tensor, "v 4 4"], stage: Stage
) -> Float[Tensor, "n kv"]:
    """Posterior of some images over all pairs of shape and view."""
    distances = _distances(mixture, images, rows, mixture.render_all(cameras, stage.compare_px), stage)
    return posterior(distances, stage.temperature, len(cameras))


@dataclass(frozen=True)
class MeanImages:
    """Mean image of every pair of shape and view, weighted by the posterior, and the share of images of each pair."""

    images: Float[Tensor, "m 4 p p"]
    shares: Float[Tensor, "m"]


@torch.no_grad()
def mean_images(
    images: ImagePyramid, rows: Int[Tensor, "n"], responsibilities: Float[Tensor, "n m"], grid: ViewGrid, px: int
) -> MeanImages:
    """Targets of the M-step.

    For squared errors, the gradient of a render towards its mean image is the mean of the gradients towards all images,
    so an M-step sees every image for the price of a few renders. Each mean includes the mirror images of the mirrored
    view: the mirror image of a symmetric shape at azimuth a is its image at -a.
    """
    sums = torch.zeros(responsibilities.shape[1], 4 * px * px, device=rows.device)
    for chunk, weights in zip(rows.split(CHUNK_IMAGES), responsibilities.split(CHUNK_IMAGES), strict=True):
        sums += weights.T @ images.take(chunk, px).flatten(1)
    shares = responsibilities.sum(dim=0)
    sums = sums.view(-1, grid.size, 4, px, px)
    mirrored = grid.mirrored()
    sums = (sums + sums[:, mirrored].flip(-1)).flatten(0, 1)
    shares = (shares.view(-1, grid.size) + shares.view(-1, grid.size)[:, mirrored]).flatten()
    return MeanImages(sums / shares.clamp(min=1e-8).view(-1, 1, 1, 1), shares / shares.sum())


def m_step(mixture: ShapeMixture, targets: MeanImages, grid: ViewGrid, stage: Stage) -> None:
    """Optimiser step on a few views of every shape, drawn by their share of its images.

    A shape's error is weighted by its share of all images.
    """
    shares = targets.shares.view(len(mixture), grid.size)
    view = torch.multinomial(shares + 1e-9, stage.views_per_shape, replacement=True, generator=mixture.generator)
    pairs = (view + grid.size * torch.arange(len(mixture), device=view.device)[:, None]).flatten()
    view = view.flatten()
    renders = mixture.render_views(grid.azimuth[view], grid.elevation[view], stage.fit_px)
    scale = ERROR_WEIGHT * math.sqrt(len(mixture)) / stage.views_per_shape
    weights = scale * shares.sum(dim=1).repeat_interleave(stage.views_per_shape)
    mixture.fit((renders - targets.images[pairs]).square(), weights, SMOOTHNESS)


@torch.no_grad()
def assign(
    mixture: ShapeMixture, images: ImagePyramid, subset: Int[Tensor, "n"], grid: ViewGrid, stage: Stage
) -> Discovery:
    """Posteriors of all images, in chunks; the potentials of the views are fitted to the subset."""
    renders = mixture.render_all(grid.cameras(mixture.camera.distance), stage.compare_px)
    distances = _distances(mixture, images, subset, renders, stage)
    potentials = fit_view_potentials(distances, stage.temperature, grid.size)
    views, shapes, best = [], [], []
    for rows in torch.arange(len(images), device=images.device).split(CHUNK_IMAGES):
        distances = _distances(mixture, images, rows, renders, stage)
        probabilities = log_posterior_of(-distances / stage.temperature, potentials).exp()
        by_shape = probabilities.unflatten(1, (len(mixture), grid.size))
        views.append(by_shape.sum(dim=1))
        shapes.append(by_shape.sum(dim=2))
        best.append(probabilities.argmax(dim=1))
    field = mixture.field()
    return Discovery(
        grid=grid,
        logits=torch.logit(field.occupancy_grid, eps=1e-6),
        colours=field.feature_grid,
        views=torch.cat(views),
        shapes=torch.cat(shapes),
        best=torch.cat(best),
    )


def _distances(
    mixture: ShapeMixture, images: ImagePyramid, rows: Int[Tensor, "n"], renders: Float[Tensor, "m 4 p p"], stage: Stage
) -> Float[Tensor, "n m"]:
    chunks = (images.take(chunk, stage.compare_px) for chunk in rows.split(CHUNK_IMAGES))
    return torch.cat([squared_distances(chunk, renders, mixture.channel_weights) for chunk in chunks])


def _random_rows(images: ImagePyramid, count: int, generator: torch.Generator) -> Int[Tensor, "b"]:
    return torch.randint(len(images), (count,), generator=generator, device=images.device)


def _random_subset(images: ImagePyramid, count: int, generator: torch.Generator) -> Int[Tensor, "m"]:
    """All rows, or ``count`` random ones without repetition."""
    if len(images) <= count:
        return torch.arange(len(images), device=images.device)
    return torch.randperm(len(images), generator=generator, device=images.device)[:count]
