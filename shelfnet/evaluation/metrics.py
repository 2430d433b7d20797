"""Metrics of a predicted surface against the true surface.

Distances are in the object frame, where the longest side of the true object is 1, and unsquared unless the name says
otherwise. Points are area-uniform, with the same number on each surface. An empty prediction scores :data:`WORST`; it
is never dropped.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from shelfnet.config.evaluate import EvaluateSettings
from shelfnet.evaluation.alignment import SearchablePoints, iterative_closest_point
from shelfnet.evaluation.neighbours import Neighbours
from shelfnet.evaluation.unicorn import chamfer_unicorn

NORMALISATION = "bounding box centred, true longest side 1"
CUBE_DIAGONAL = math.sqrt(3.0)
"""Diagonal of the unit cube around an object, the largest distance between two of its points."""
_L2_SCALE = 2.0
"""Length factor of the L2 form, which scales the longest side to [-1, 1]."""
_ICP_POINTS = 1_000


@dataclass(frozen=True)
class SurfaceMetrics:
    """Metrics of one predicted surface.

    Attributes:
        chamfer: CD-L1, half the sum of both mean unsquared distances, in units of the longest side.
        chamfer_l2: Sum of both mean squared distances with the longest side scaled to [-1, 1].
        chamfer_icp: ``chamfer`` after rigid ICP per object.
        chamfer_unicorn: CD-L1 by the protocol of Unicorn (:mod:`shelfnet.evaluation.unicorn`).
        fscore: Harmonic mean of precision and recall.
        precision: Fraction of predicted points within the threshold of the true surface.
        recall: Fraction of true points within the threshold of the predicted surface.
        iou: Intersection over union of the solid occupancies.
        normal_consistency: Mean absolute cosine between the normals of nearest points, in both directions.
    """

    chamfer: float
    chamfer_l2: float
    chamfer_icp: float
    chamfer_unicorn: float
    fscore: float
    precision: float
    recall: float
    iou: float
    normal_consistency: float


WORST = SurfaceMetrics(
    chamfer=CUBE_DIAGONAL,
    chamfer_l2=2.0 * (_L2_SCALE * CUBE_DIAGONAL) ** 2,
    chamfer_icp=CUBE_DIAGONAL,
    chamfer_unicorn=CUBE_DIAGONAL,
    fscore=0.0,
    precision=0.0,
    recall=0.0,
    iou=0.0,
    normal_consistency=0.0,
)
"""Score of an empty prediction: every distance is the diagonal of the unit cube, every fraction is zero."""
WORST_COMPONENTS = 0
WORST_FLOATER_FRACTION = 1.0


@dataclass(frozen=True, kw_only=True)
class SampledSurface(SearchablePoints):
    """A surface as input of the metrics: indexed points with normals, and solid occupancy.

    Attributes:
        points: Area-uniform points in the object frame.
        backend: Backend of the nearest-neighbour search.
        normals: Unit normals of the faces at the points.
        occupancy: Filled cells of [-1/2, 1/2]^3.
        dense: More points, in the pose and scale of ``chamfer_unicorn``.
    """

    normals: Float[np.ndarray, "n 3"]
    occupancy: Bool[np.ndarray, "r r r"]
    dense: SearchablePoints


def surface_metrics(predicted: SampledSurface, true: SampledSurface, settings: EvaluateSettings) -> SurfaceMetrics:
    """All metrics of a predicted surface.

    Args:
        predicted: Aligned prediction.
        true: True surface.
        settings: Threshold of the F-score, iterations of the fits, and nearest-neighbour backend.
    """
    to_true, to_predicted = true.index(predicted.points), predicted.index(true.points)
    precision = fraction_within(to_true.distances, settings.fscore_threshold)
    recall = fraction_within(to_predicted.distances, settings.fscore_threshold)
    return SurfaceMetrics(
        chamfer=chamfer(to_true.distances, to_predicted.distances),
        chamfer_l2=chamfer_l2(to_true.distances, to_predicted.distances),
        chamfer_icp=chamfer_icp(predicted, true, settings.icp_iterations),
        chamfer_unicorn=chamfer_unicorn(
            predicted.dense.points, true.dense, settings.unicorn_iterations, settings.backend
        ),
        fscore=fscore(precision, recall),
        precision=precision,
        recall=recall,
        iou=iou(predicted.occupancy, true.occupancy),
        normal_consistency=normal_consistency(predicted, true, to_true, to_predicted),
    )


def chamfer(to_true: Float[np.ndarray, "n"], to_predicted: Float[np.ndarray, "m"]) -> float:
    """CD-L1: half the sum of both mean unsquared distances."""
    return 0.5 * float(to_true.mean() + to_predicted.mean())


def chamfer_l2(to_true: Float[np.ndarray, "n"], to_predicted: Float[np.ndarray, "m"]) -> float:
    """Sum of both mean squared distances with the longest side scaled to [-1, 1]."""
    return _L2_SCALE**2 * float(np.square(to_true).mean() + np.square(to_predicted).mean())


def chamfer_icp(predicted: SearchablePoints, true: SearchablePoints, iterations: int) -> float:
    """CD-L1 after rigid ICP of the prediction to the true surface."""
    transform = iterative_closest_point(predicted, true, iterations, _ICP_POINTS)
    to_true = true.index(transform.apply(predicted.points)).distances
    to_predicted = predicted.index(transform.apply_inverse(true.points)).distances
    return chamfer(to_true, to_predicted)


def fraction_within(distances: Float[np.ndarray, "n"], threshold: float) -> float:
    """Fraction of distances below ``threshold``: precision or recall, depending on the direction."""
    return float((distances < threshold).mean())


def fscore(precision: float, recall: float) -> float:
    """Harmonic mean of precision and recall; zero if both are zero."""
    return 2.0 * precision * recall / (precision + recall) if precision + recall > 0.0 else 0.0


def iou(predicted: Bool[np.ndarray, "r r r"], true: Bool[np.ndarray, "r r r"]) -> float:
    """Intersection over union of two occupancies; zero if both are empty."""
    union = int((predicted | true).sum())
    return int((predicted & true).sum()) / union if union else 0.0


def normal_consistency(
    predicted: SampledSurface, true: SampledSurface, to_true: Neighbours, to_predicted: Neighbours
) -> float:
    """Mean absolute cosine between normals of nearest points, averaged over both directions.

    The absolute value is used because the winding of furniture models is unreliable.
    """
    forward = np.einsum("ni,ni->n", predicted.normals, true.normals[to_true.indices])
    backward = np.einsum("ni,ni->n", true.normals, predicted.normals[to_predicted.indices])
    return 0.5 * float(np.abs(forward).mean() + np.abs(backward).mean())
