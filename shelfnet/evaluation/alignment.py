"""Alignment of predictions: one rotation per trained model, fitted on validation; cameras; rigid ICP per object.

Nothing ties the azimuth of the learned canonical frame to the object frame, so one rotation about +Y is fitted per
trained model. The fit accepts only a :class:`ValidationSet`, which refuses every other split.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from scipy.optimize import minimize_scalar

from shelfnet.evaluation.neighbours import Backend, NeighbourIndex, neighbour_index
from shelfnet.evaluation.view_errors import wrap_deg
from shelfnet.geometry.cameras import look_at_origin, rotation_about_y

VALIDATION = "validation"
_ANGLE_TOLERANCE_DEG = 0.05
_ICP_TOLERANCE = 1e-6


@dataclass(frozen=True)
class AlignmentPair:
    """Points of a predicted surface in the learned frame, and of the true surface in the object frame."""

    model_id: str
    split: str
    predicted: Float[np.ndarray, "n 3"]
    true: Float[np.ndarray, "m 3"]


@dataclass(frozen=True)
class ValidationSet:
    """Pairs of the validation split, the only data on which an alignment may be fitted.

    Raises:
        ValueError: A pair is of another split; the message names the model.
    """

    pairs: tuple[AlignmentPair, ...]

    def __post_init__(self) -> None:
        for pair in self.pairs:
            if pair.split != VALIDATION:
                raise ValueError(
                    f"alignment is fitted on the {VALIDATION} split only, got model {pair.model_id} of {pair.split!r}"
                )


@dataclass(frozen=True)
class YRotation:
    """Rotation about +Y from the learned frame to the object frame.

    Attributes:
        angle_deg: Angle that the rotation adds to an azimuth, in [-180, 180).
        n_predictions: Number of validation predictions on which it was fitted.
    """

    angle_deg: float
    n_predictions: int

    def apply(self, vectors: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
        """Rotate points or normals of the learned frame into the object frame."""
        return vectors @ _rotations(np.array([self.angle_deg]))[0].T

    @property
    def fitted_deg(self) -> float:
        """Value of the ``alignment_deg`` column: the angle, or NaN if there was nothing to fit it on."""
        return self.angle_deg if self.n_predictions else math.nan

    @property
    def label(self) -> str:
        """Value of the ``alignment`` column: the rounded angle, in words."""
        if self.n_predictions == 0:
            return "none (no validation surface)"
        return f"y-rotation {self.angle_deg:.1f} deg ({VALIDATION})"


def fit_y_rotation(validation: ValidationSet, steps: int, backend: Backend = "scipy") -> YRotation:
    """Fit the rotation about +Y with the lowest mean Chamfer distance over the validation predictions.

    A grid over the full circle is followed by a bounded scalar search. Without pairs, the result is the identity.

    Args:
        validation: Pairs with a few hundred points per side; the cost is linear in the number of points.
        steps: Number of angles on the grid.
        backend: Nearest-neighbour backend.
    """
    if not validation.pairs:
        return YRotation(angle_deg=0.0, n_predictions=0)
    indices = [
        (neighbour_index(pair.predicted, backend), neighbour_index(pair.true, backend)) for pair in validation.pairs
    ]

    def mean_chamfer(angles_deg: Float[np.ndarray, "a"]) -> Float[np.ndarray, "a"]:
        scores = [
            _rotated_chamfer(pair, *index, angles_deg) for pair, index in zip(validation.pairs, indices, strict=True)
        ]
        return np.mean(scores, axis=0)

    grid = -180.0 + 360.0 / steps * np.arange(steps)
    scores = mean_chamfer(grid)
    best, spacing = float(grid[scores.argmin()]), 360.0 / steps
    refined: Any = minimize_scalar(
        lambda angle: float(mean_chamfer(np.array([angle]))[0]),
        bounds=(best - spacing, best + spacing),
        method="bounded",
        options={"xatol": _ANGLE_TOLERANCE_DEG},
    )
    angle = float(refined.x) if refined.fun < scores.min() else best
    return YRotation(angle_deg=float(wrap_deg(np.array([angle]))[0]), n_predictions=len(validation.pairs))


def _rotated_chamfer(
    pair: AlignmentPair, predicted_index: NeighbourIndex, true_index: NeighbourIndex, angles_deg: Float[np.ndarray, "a"]
) -> Float[np.ndarray, "a"]:
    """Chamfer distance at every angle; the queries are rotated instead of the indexed points."""
    rotations = _rotations(angles_deg)
    forward = np.einsum("aij,nj->ani", rotations, pair.predicted)
    backward = np.einsum("aji,nj->ani", rotations, pair.true)
    to_true = true_index(forward.reshape(-1, 3)).distances.reshape(len(angles_deg), -1)
    to_predicted = predicted_index(backward.reshape(-1, 3)).distances.reshape(len(angles_deg), -1)
    return 0.5 * (to_true.mean(axis=1) + to_predicted.mean(axis=1))


def _rotations(angles_deg: Float[np.ndarray, "a"]) -> Float[np.ndarray, "a 3 3"]:
    return rotation_about_y(torch.as_tensor(np.deg2rad(angles_deg), dtype=torch.float64)).numpy()


def rotation_between_views(
    predicted_deg: tuple[float, float], true_deg: tuple[float, float]
) -> Float[np.ndarray, "3 3"]:
    """Rotation from the learned frame to the object frame under which both cameras see the same image.

    Args:
        predicted_deg: Azimuth and elevation of the predicted camera in the learned frame.
        true_deg: Azimuth and elevation of the true camera in the object frame.
    """
    azimuth, elevation = torch.deg2rad(torch.tensor([predicted_deg, true_deg], dtype=torch.float64)).T
    predicted, true = look_at_origin(azimuth, elevation, 1.0)[:, :3, :3].numpy()
    return true @ predicted.T


@dataclass(frozen=True)
class RigidTransform:
    """``x -> rotation x + translation``, without reflection."""

    rotation: Float[np.ndarray, "3 3"]
    translation: Float[np.ndarray, "3"]

    def apply(self, points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
        """Apply the transform to points."""
        return points @ self.rotation.T + self.translation

    def apply_inverse(self, points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
        """Apply the inverse transform to points."""
        return (points - self.translation) @ self.rotation


@dataclass(frozen=True)
class SearchablePoints:
    """Points, and the backend of the search for them."""

    points: Float[np.ndarray, "n 3"]
    backend: Backend = "scipy"

    @cached_property
    def index(self) -> NeighbourIndex:
        """Nearest-neighbour index of the points, which everything that is measured to them shares."""
        return neighbour_index(self.points, self.backend)


def iterative_closest_point(
    source: SearchablePoints, target: SearchablePoints, iterations: int, n_points: int
) -> RigidTransform:
    """Rigid transform from ``source`` to ``target`` by point-to-point ICP with matches in both directions.

    With matches in both directions, every iteration lowers the symmetric mean squared distance, so a partial shape is
    not pulled inside the whole one. The indices are not rebuilt: the queries of ``source`` are transformed back.

    Args:
        source: Points to transform.
        target: Points to match.
        iterations: Largest number of iterations; ICP stops at convergence.
        n_points: Number of leading points on each side that are matched.
    """
    transform = RigidTransform(np.eye(3), np.zeros(3))
    some_source, some_target = source.points[:n_points], target.points[:n_points]
    for _ in range(iterations):
        matched_target = target.points[target.index(transform.apply(some_source)).indices]
        matched_source = source.points[source.index(transform.apply_inverse(some_target)).indices]
        previous = transform
        transform = fit_rigid(
            np.concatenate([some_source, matched_source]), np.concatenate([matched_target, some_target])
        )
        if _motion(previous, transform) < _ICP_TOLERANCE:
            break
    return transform


def fit_rigid(source: Float[np.ndarray, "n 3"], target: Float[np.ndarray, "n 3"]) -> RigidTransform:
    """Least-squares rigid transform between matched points (Kabsch algorithm); never a reflection."""
    source_centre, target_centre = source.mean(axis=0), target.mean(axis=0)
    u, _, vt = np.linalg.svd((source - source_centre).T @ (target - target_centre))
    handedness = np.array([1.0, 1.0, math.copysign(1.0, np.linalg.det(u) * np.linalg.det(vt))])
    rotation = (vt.T * handedness) @ u.T
    return RigidTransform(rotation, target_centre - rotation @ source_centre)


def _motion(before: RigidTransform, after: RigidTransform) -> float:
    """Largest change of an entry, about the distance by which a point of a unit object moves."""
    return float(
        max(np.abs(before.rotation - after.rotation).max(), np.abs(before.translation - after.translation).max())
    )
