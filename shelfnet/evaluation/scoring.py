"""From a predicted mesh, or another object's surface, to one complete score."""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from shelfnet.config.evaluate import EvaluateSettings
from shelfnet.data.surfaces import SurfaceSamples
from shelfnet.evaluation.alignment import YRotation
from shelfnet.evaluation.components import structure
from shelfnet.evaluation.metrics import (
    WORST,
    WORST_COMPONENTS,
    WORST_FLOATER_FRACTION,
    SampledSurface,
    SurfaceMetrics,
    sampled_surface,
    surface_metrics,
)
from shelfnet.evaluation.solids import prediction_occupancy
from shelfnet.geometry.meshes import Mesh, sample_surface


@dataclass(frozen=True)
class Score:
    """Everything about a predicted surface that does not depend on its camera.

    Attributes:
        status: ``ok``, or ``empty`` where there is no surface and every metric has its worst value.
        metrics: against the true surface.
        components: connected parts; NaN where the prediction is no mesh.
        floater_fraction: share of the area outside the largest part; NaN where the prediction is no mesh.
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


def true_surface(surface: SurfaceSamples, model_id: str, settings: EvaluateSettings) -> SampledSurface:
    """The first ``settings.n_points`` points of a stored surface, indexed.

    Raises:
        ValueError: the surface has fewer points.
    """
    n = settings.n_points
    if len(surface.points) < n:
        raise ValueError(
            f"model {model_id}: expected {n} surface points (evaluate.n_points), got {len(surface.points)}"
            " (dataset.surface_points)"
        )
    return sampled_surface(surface.points[:n], surface.normals[:n], surface.occupancy, settings.backend)


def score_mesh(
    mesh: Mesh,
    alignment: YRotation,
    true: SampledSurface,
    settings: EvaluateSettings,
    generator: np.random.Generator,
) -> Score:
    """Align a predicted mesh, sample it, and measure it; a mesh without a surface gets :data:`EMPTY_SCORE`."""
    if not has_surface(mesh):
        return EMPTY_SCORE
    aligned = Mesh(alignment.apply(mesh.vertices), mesh.faces)
    points, normals = sample_surface(aligned, settings.n_points, generator)
    predicted = sampled_surface(points, normals, prediction_occupancy(aligned), settings.backend)
    parts = structure(aligned)
    return Score("ok", _measure(predicted, true, settings), float(parts.components), parts.floater_fraction)


def score_surfaces(predictions: Sequence[SampledSurface], true: SampledSurface, settings: EvaluateSettings) -> Score:
    """Mean score of surfaces that are no meshes: other objects' points, put forward as the prediction.

    Raises:
        ValueError: no surfaces.
    """
    if not predictions:
        raise ValueError("expected at least one surface to score, got none")
    scored = [dataclasses.astuple(_measure(predicted, true, settings)) for predicted in predictions]
    return Score("ok", SurfaceMetrics(*np.mean(scored, axis=0).tolist()), float("nan"), float("nan"))


def has_surface(mesh: Mesh) -> bool:
    """Whether there is anything to sample: faces with a finite area above zero."""
    if mesh.is_empty:
        return False
    return 0.0 < float(mesh.face_areas().sum()) < math.inf


def _measure(predicted: SampledSurface, true: SampledSurface, settings: EvaluateSettings) -> SurfaceMetrics:
    return surface_metrics(
        predicted, true, fscore_threshold=settings.fscore_threshold, icp_iterations=settings.icp_iterations
    )
