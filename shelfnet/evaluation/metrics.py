"""How far a predicted surface is from the true one.

Distances are in the object frame, in which the true object's longest side is 1, and unsquared unless the name says
otherwise. Points are area-uniform, the same number a side. An empty prediction is scored :data:`WORST`, never dropped.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from shelfnet.evaluation.alignment import SearchablePoints, iterative_closest_point, wrap_deg
from shelfnet.evaluation.neighbours import Backend, Neighbours, neighbour_index

NORMALISATION = "bounding box centred, true longest side 1"
CURVE_POINTS = 2_048
"""Points a side of validation curves and of the levels beside them; the test table uses the configured number."""
CUBE_DIAGONAL = math.sqrt(3.0)
"""Diagonal of the unit cube that an object fills: no two points of it lie further apart."""
_L2_SCALE = 2.0
"""The L2 form scales the longest side to [-1, 1]: lengths double, squares quadruple."""
_ICP_POINTS = 1_000


@dataclass(frozen=True)
class SurfaceMetrics:
    """One predicted surface against one true surface.

    Attributes:
        chamfer: CD-L1, half the sum of both mean unsquared distances; unit sides.
        chamfer_l2: sum of both mean squared distances with the longest side scaled to [-1, 1].
        chamfer_icp: ``chamfer`` after per-object rigid ICP.
        fscore: harmonic mean of precision and recall.
        precision: share of predicted points within the threshold of the true surface.
        recall: share of true points within the threshold of the predicted surface.
        iou: intersection over union of the two solid occupancies.
        normal_consistency: mean absolute cosine between the normals of nearest points, both ways.
    """

    chamfer: float
    chamfer_l2: float
    chamfer_icp: float
    fscore: float
    precision: float
    recall: float
    iou: float
    normal_consistency: float


WORST = SurfaceMetrics(
    chamfer=CUBE_DIAGONAL,
    chamfer_l2=2.0 * (_L2_SCALE * CUBE_DIAGONAL) ** 2,
    chamfer_icp=CUBE_DIAGONAL,
    fscore=0.0,
    precision=0.0,
    recall=0.0,
    iou=0.0,
    normal_consistency=0.0,
)
"""What an empty prediction scores: every distance is the unit cube's diagonal, every share is zero."""
WORST_AZIMUTH_ERROR_DEG = 180.0
WORST_ELEVATION_ERROR_DEG = 180.0
WORST_COMPONENTS = 0
WORST_FLOATER_FRACTION = 1.0


@dataclass(frozen=True)
class SampledSurface(SearchablePoints):
    """A surface as the metrics see it: points with normals, ready to be searched, and solid occupancy.

    Attributes:
        points: area-uniform, object frame.
        index: nearest-neighbour index of ``points``.
        normals: unit normals of the faces that the points lie on.
        occupancy: cells of [-1/2, 1/2]^3 that are filled, ``z y x``.
    """

    normals: Float[np.ndarray, "n 3"]
    occupancy: Bool[np.ndarray, "r r r"]


def sampled_surface(
    points: Float[np.ndarray, "n 3"],
    normals: Float[np.ndarray, "n 3"],
    occupancy: Bool[np.ndarray, "r r r"],
    backend: Backend = "scipy",
) -> SampledSurface:
    """Index a surface's points once, for all metrics and all predictions of the same object."""
    return SampledSurface(points=points, index=neighbour_index(points, backend), normals=normals, occupancy=occupancy)


def surface_metrics(
    predicted: SampledSurface, true: SampledSurface, *, fscore_threshold: float, icp_iterations: int
) -> SurfaceMetrics:
    """All metrics of a predicted surface from one query a side, and one more a side after ICP.

    Args:
        predicted: the aligned prediction.
        true: the true surface.
        fscore_threshold: distance within which a point counts as right, in unit sides.
        icp_iterations: the most iterations of ICP; 0 leaves ``chamfer_icp`` equal to ``chamfer``.
    """
    to_true, to_predicted = true.index(predicted.points), predicted.index(true.points)
    precision = share_within(to_true.distances, fscore_threshold)
    recall = share_within(to_predicted.distances, fscore_threshold)
    return SurfaceMetrics(
        chamfer=chamfer(to_true.distances, to_predicted.distances),
        chamfer_l2=chamfer_l2(to_true.distances, to_predicted.distances),
        chamfer_icp=chamfer_icp(predicted, true, icp_iterations),
        fscore=fscore(precision, recall),
        precision=precision,
        recall=recall,
        iou=iou(predicted.occupancy, true.occupancy),
        normal_consistency=normal_consistency(predicted, true, to_true, to_predicted),
    )


def chamfer(to_true: Float[np.ndarray, "n"], to_predicted: Float[np.ndarray, "m"]) -> float:
    """CD-L1: half of (mean distance predicted to true + mean distance true to predicted), unsquared."""
    return 0.5 * float(to_true.mean() + to_predicted.mean())


def chamfer_l2(to_true: Float[np.ndarray, "n"], to_predicted: Float[np.ndarray, "m"]) -> float:
    """Sum of both mean squared distances, with the longest side scaled to [-1, 1]."""
    return _L2_SCALE**2 * float(np.square(to_true).mean() + np.square(to_predicted).mean())


def chamfer_icp(predicted: SearchablePoints, true: SearchablePoints, iterations: int) -> float:
    """CD-L1 after the prediction has been moved onto the true surface by rigid ICP."""
    transform = iterative_closest_point(predicted, true, iterations, _ICP_POINTS)
    to_true = true.index(transform.apply(predicted.points)).distances
    to_predicted = predicted.index(transform.apply_inverse(true.points)).distances
    return chamfer(to_true, to_predicted)


def share_within(distances: Float[np.ndarray, "n"], threshold: float) -> float:
    """Share of distances below ``threshold``: precision or recall, by the direction of the distances."""
    return float((distances < threshold).mean())


def fscore(precision: float, recall: float) -> float:
    """Harmonic mean of precision and recall; zero where both are."""
    return 2.0 * precision * recall / (precision + recall) if precision + recall > 0.0 else 0.0


def iou(predicted: Bool[np.ndarray, "r r r"], true: Bool[np.ndarray, "r r r"]) -> float:
    """Intersection over union of two occupancies; zero where nothing is occupied in either."""
    union = int((predicted | true).sum())
    return int((predicted & true).sum()) / union if union else 0.0


def normal_consistency(
    predicted: SampledSurface, true: SampledSurface, to_true: Neighbours, to_predicted: Neighbours
) -> float:
    """Mean absolute cosine between normals of nearest points, averaged over both directions.

    Absolute, since the winding of faces in furniture models is not reliable.
    """
    forward = np.einsum("ni,ni->n", predicted.normals, true.normals[to_true.indices])
    backward = np.einsum("ni,ni->n", true.normals, predicted.normals[to_predicted.indices])
    return 0.5 * float(np.abs(forward).mean() + np.abs(backward).mean())


def azimuth_error_deg(
    predicted_deg: Float[np.ndarray, "*n"], true_deg: Float[np.ndarray, "*n"], alignment_deg: float
) -> Float[np.ndarray, "*n"]:
    """Absolute wrapped difference of azimuths in [0, 180].

    Args:
        predicted_deg: azimuth in the learned canonical frame.
        true_deg: azimuth in the object frame.
        alignment_deg: angle of the rotation about +Y that brings the learned frame into the object frame; it turns
            the camera along, and so raises the predicted azimuth.
    """
    return np.abs(wrap_deg(predicted_deg + alignment_deg - true_deg))


def elevation_error_deg(
    predicted_deg: Float[np.ndarray, "*n"], true_deg: Float[np.ndarray, "*n"]
) -> Float[np.ndarray, "*n"]:
    """Absolute difference of elevations in [0, 180]; no alignment changes it."""
    return np.abs(predicted_deg - true_deg)
