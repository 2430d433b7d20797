"""Chamfer distance by the protocol of Unicorn, so that its published values can be compared with ours.

Source: Monnier, Fisher, Efros and Aubry, "Share With Thy Neighbors: Single-View Reconstruction by Cross-Instance
Consistency", ECCV 2022, and its released evaluation (github.com/monniert/unicorn, commit 0aaf844, ``model/unicorn.py``
and ``utils/{metrics,icp,chamfer,mesh}.py`` in ``src``). The released code evaluates a prediction in these steps:

1. The predicted and the true camera of the image bring the predicted mesh into the frame of the true object.
2. The bounding box of the prediction is centred and its longest side is scaled to 1. The longest side of the true
   object is 1 too.
3. 100 000 points are sampled from each surface, uniformly by area.
4. The predicted points are transformed by ``rotation (scale * x) + translation`` with one scale per axis. Adam with
   step size 0.01 minimises the sum of both mean *squared* distances in 100 iterations from the identity.
5. The metric is half the sum of both mean *unsquared* distances. Code and paper print it times 10: the 0.253 of their
   chairs is 0.0253 here.

Two details differ. Iterations match a subset of the points, and the final distances are averaged over a subset of the
points, each to its nearest neighbour among all points. The last transform is used; the released code combines the last
scale and translation with the rotation of the tenth-last iteration.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from shelfnet.adam import Adam
from shelfnet.evaluation.alignment import SearchablePoints
from shelfnet.evaluation.neighbours import Backend, neighbour_index
from shelfnet.geometry.meshes import Mesh, normalise, sample_surface

_LEARNING_RATE = 0.01
_MATCHED_POINTS = 500
"""Points per surface that every iteration matches."""
_CANDIDATE_POINTS = 2_000
"""Points per surface among which matches are searched."""
_AVERAGED_POINTS = 20_000
"""Points per surface over which the final distances are averaged."""


@dataclass(frozen=True)
class ScaledRigidTransform:
    """``x -> rotation (scale * x) + translation``, with one scale per axis."""

    scale: Float[np.ndarray, "3"]
    rotation: Float[np.ndarray, "3 3"]
    translation: Float[np.ndarray, "3"]

    def apply(self, points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
        """Apply the transform to points."""
        return (self.scale * points) @ self.rotation.T + self.translation


def unicorn_points(mesh: Mesh, n_points: int, generator: np.random.Generator) -> Float[np.ndarray, "n 3"]:
    """Area-uniform points of a mesh whose bounding box is centred and has a longest side of 1.

    Raises:
        ValueError: The mesh has no area, no extent or is not finite.
    """
    return sample_surface(normalise(mesh), n_points, generator)[0]


def chamfer_unicorn(
    predicted: Float[np.ndarray, "n 3"], true: SearchablePoints, iterations: int, backend: Backend = "scipy"
) -> float:
    """CD-L1 after a fit of rotation, translation and one scale per axis to the true surface of the object.

    Args:
        predicted: Points in random order, normalised by :func:`unicorn_points`.
        true: Points of the true surface in random order, with a longest side of 1.
        iterations: Number of steps of the fit; with 0, points are compared as they are.
        backend: Nearest-neighbour backend.
    """
    moved = fit_scaled_rigid(predicted, true.points, iterations).apply(predicted)
    to_true = true.index(moved[:_AVERAGED_POINTS]).distances
    to_predicted = neighbour_index(moved, backend)(true.points[:_AVERAGED_POINTS]).distances
    return 0.5 * float(to_true.mean() + to_predicted.mean())


def fit_scaled_rigid(
    source: Float[np.ndarray, "n 3"], target: Float[np.ndarray, "m 3"], iterations: int
) -> ScaledRigidTransform:
    """Fit the transform from ``source`` to ``target`` by Adam on both mean squared distances.

    Matches are searched again in every iteration, among the first points of both sets.
    """
    source, target = source[:_CANDIDATE_POINTS], target[:_CANDIDATE_POINTS]
    to_target, queries = neighbour_index(target), target[:_MATCHED_POINTS]
    # Two rows that span the rotation (6D parametrisation), scale and translation.
    parameters = np.concatenate([np.eye(3)[:2], np.ones((1, 3)), np.zeros((1, 3))])
    adam = Adam([torch.from_numpy(parameters)], _LEARNING_RATE)
    for _ in range(iterations):
        transform = _transform(parameters)
        moved = transform.apply(source)
        forward = to_target(moved[:_MATCHED_POINTS]).indices
        backward = neighbour_index(moved)(queries).indices
        gradient = _affine_gradient(transform, source[:_MATCHED_POINTS], target[forward])
        gradient += _affine_gradient(transform, source[backward], queries)
        adam.step([torch.from_numpy(_parameter_gradient(parameters, transform, gradient))])
    return _transform(parameters)


def _transform(parameters: Float[np.ndarray, "4 3"]) -> ScaledRigidTransform:
    """Rows 0 and 1 give the rotation (Gram-Schmidt), row 2 the scale, and row 3 the translation."""
    span, scale, translation = parameters[:2], parameters[2].copy(), parameters[3].copy()
    first = _unit(span[0])
    second = _unit(span[1] - (first @ span[1]) * first)
    return ScaledRigidTransform(scale, np.stack([first, second, _cross(first, second)]), translation)


def _affine_gradient(
    transform: ScaledRigidTransform, start: Float[np.ndarray, "n 3"], end: Float[np.ndarray, "n 3"]
) -> Float[np.ndarray, "3 4"]:
    """Gradient of the mean squared distance of the transformed ``start`` to ``end``, in the affine transform.

    For an affine transform A, the mean is tr(A M A') - 2 tr(A C') plus a constant, with the moments M of ``start`` and
    C of both in homogeneous coordinates.
    """
    affine = np.column_stack([transform.rotation * transform.scale, transform.translation])
    homogeneous = np.concatenate([start, np.ones_like(start[:, :1])], axis=1)
    return 2.0 * (affine @ (homogeneous.T @ homogeneous) - end.T @ homogeneous) / len(start)


def _parameter_gradient(
    parameters: Float[np.ndarray, "4 3"], transform: ScaledRigidTransform, affine_gradient: Float[np.ndarray, "3 4"]
) -> Float[np.ndarray, "4 3"]:
    """Gradient of the parameters, from that of the affine transform."""
    (start, span), rotation = parameters[:2], transform.rotation
    first, second, _ = rotation
    d_first, d_second, d_third = affine_gradient[:, :3] * transform.scale
    d_first, d_second = d_first + _cross(second, d_third), d_second + _cross(d_third, first)
    rejected = span - (first @ span) * first
    d_rejected = (d_second - (d_second @ second) * second) / np.linalg.norm(rejected)
    d_first = d_first - (first @ span) * d_rejected - (d_rejected @ first) * span
    d_start = (d_first - (d_first @ first) * first) / np.linalg.norm(start)
    d_scale = (rotation * affine_gradient[:, :3]).sum(axis=0)
    return np.stack([d_start, d_rejected - (d_rejected @ first) * first, d_scale, affine_gradient[:, 3]])


def _unit(vector: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3"]:
    return vector / np.linalg.norm(vector)


def _cross(a: Float[np.ndarray, "3"], b: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3"]:
    """Cross product; ``numpy.cross`` takes ten times as long for one pair."""
    return np.array([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])
