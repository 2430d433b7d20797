"""Scores of predicted meshes and of other objects' surfaces against a true surface."""

import dataclasses
import math
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from shelfnet.config.evaluate import EvaluateSettings
from shelfnet.data.occupancy import RESOLUTION, solid_occupancy
from shelfnet.data.seeding import named_generator
from shelfnet.data.surfaces import SurfaceSamples
from shelfnet.evaluation.alignment import SearchablePoints, YRotation
from shelfnet.evaluation.components import connectivity
from shelfnet.evaluation.metrics import (
    WORST,
    WORST_COMPONENTS,
    WORST_FLOATER_FRACTION,
    SampledSurface,
    SurfaceMetrics,
    surface_metrics,
)
from shelfnet.evaluation.unicorn import unicorn_points
from shelfnet.geometry.meshes import Mesh, sample_surface

_REACH = 1.5
"""Largest absolute coordinate of a prediction in the occupancy grid: three times the cube's width in total."""
Item = TypeVar("Item")


@dataclass(frozen=True)
class Score:
    """Score of a predicted surface, without the metrics that depend on its camera.

    Attributes:
        status: ``ok``, or ``empty`` if there is no surface and every metric has its worst value.
        metrics: Metrics against the true surface.
        components: Connected components; NaN if the prediction is not a mesh.
        floater_fraction: Fraction of the area outside the largest component; NaN if the prediction is not a mesh.
    """

    status: str
    metrics: SurfaceMetrics
    components: float
    floater_fraction: float

    def columns(self) -> dict[str, Any]:
        """The score as columns of a row of results."""
        structural = {"components": self.components, "floater_fraction": self.floater_fraction}
        return {"status": self.status, **dataclasses.asdict(self.metrics), **structural}


EMPTY_SCORE = Score("empty", WORST, float(WORST_COMPONENTS), WORST_FLOATER_FRACTION)


def score_in_parallel(
    score: Callable[[Item], Iterable[dict[str, Any]]], objects: Sequence[Item], threads: int
) -> pd.DataFrame:
    """Rows of all objects, in the order of the objects whatever ``threads`` is.

    Threads suffice: nearest-neighbour searches and array sums, which take the time, release the interpreter lock.

    Args:
        score: Function from an object to its rows; it must not draw from a generator that objects share.
        objects: Objects to score.
        threads: Number of objects scored at the same time.
    """
    with ThreadPoolExecutor(threads) as pool:
        return pd.DataFrame([row for rows in pool.map(lambda item: list(score(item)), objects) for row in rows])


def true_surface(surface: SurfaceSamples, model_id: str, settings: EvaluateSettings) -> SampledSurface:
    """The first ``settings.n_points`` points of a stored surface, and points of its mesh for ``chamfer_unicorn``.

    Raises:
        ValueError: The surface has fewer points.
    """
    n = settings.n_points
    if len(surface.points) < n:
        raise ValueError(
            f"model {model_id}: expected {n} surface points (evaluate.n_points), got {len(surface.points)}"
            " (dataset.surface_points)"
        )
    generator = named_generator(settings.seed, f"unicorn/{model_id}")
    return SampledSurface(
        surface.points[:n],
        settings.backend,
        normals=surface.normals[:n],
        occupancy=surface.occupancy,
        dense=SearchablePoints(unicorn_points(surface.mesh, settings.unicorn_points, generator), settings.backend),
    )


def score_mesh(
    mesh: Mesh,
    alignment: YRotation,
    true: SampledSurface,
    settings: EvaluateSettings,
    generator: np.random.Generator,
    by_cameras: Float[np.ndarray, "3 3"] | None = None,
) -> Score:
    """Align, sample and measure a predicted mesh; :data:`EMPTY_SCORE` if it has no surface.

    Args:
        mesh: Prediction in the learned frame.
        alignment: Rotation into the object frame, for all metrics but ``chamfer_unicorn``.
        true: True surface.
        settings: Points, thresholds and backend.
        generator: Draws the points of the prediction.
        by_cameras: Rotation into the object frame by the cameras of the image, for ``chamfer_unicorn``; ``None`` for
            ``alignment``.
    """
    if not has_surface(mesh):
        return EMPTY_SCORE
    aligned = Mesh(alignment.apply(mesh.vertices), mesh.faces)
    points, normals = sample_surface(aligned, settings.n_points, generator)
    posed = aligned if by_cameras is None else Mesh(mesh.vertices @ by_cameras.T, mesh.faces)
    dense = SearchablePoints(unicorn_points(posed, settings.unicorn_points, generator), settings.backend)
    occupancy = prediction_occupancy(aligned)
    predicted = SampledSurface(points, settings.backend, normals=normals, occupancy=occupancy, dense=dense)
    parts = connectivity(aligned)
    return Score("ok", surface_metrics(predicted, true, settings), float(parts.components), parts.floater_fraction)


def score_surfaces(predictions: Sequence[SampledSurface], true: SampledSurface, settings: EvaluateSettings) -> Score:
    """Mean score of point-sampled surfaces, at least one, such as those of training objects."""
    scored = [dataclasses.astuple(surface_metrics(predicted, true, settings)) for predicted in predictions]
    return Score("ok", SurfaceMetrics(*np.mean(scored, axis=0).tolist()), float("nan"), float("nan"))


def has_surface(mesh: Mesh) -> bool:
    """Whether a mesh has faces with a finite total area above zero."""
    return not mesh.is_empty and 0.0 < float(mesh.face_areas().sum()) < math.inf


def prediction_occupancy(mesh: Mesh) -> Bool[np.ndarray, "z y x"]:
    """Cells of [-1/2, 1/2]^3 that a mesh fills, by the same rule as for true surfaces.

    A prediction may extend beyond the cube, especially once it is rotated. Cut off at the cube, its surface would be
    open and its inside would count as outside. So it is filled on a larger grid of the same cells, which is then
    cropped to the cube. Vertices beyond three times the cube's width are clipped, which keeps the surface closed.
    """
    vertices = np.clip(mesh.vertices, -_REACH, _REACH)
    margin = max(math.ceil((float(np.abs(vertices[mesh.faces]).max()) - 0.5) * RESOLUTION), 0)
    resolution = RESOLUTION + 2 * margin
    inner = slice(margin, margin + RESOLUTION)
    return solid_occupancy(Mesh(vertices * (RESOLUTION / resolution), mesh.faces), resolution)[inner, inner, inner]
