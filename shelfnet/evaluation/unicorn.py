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
from torch import Tensor
from torch.nn.functional import normalize

from shelfnet.evaluation.alignment import SearchablePoints
from shelfnet.evaluation.neighbours import Backend, neighbour_index
from shelfnet.geometry.meshes import Mesh, normalise, sample_surface

_LEARNING_RATE = 0.01
_BETAS = (0.9, 0.999)
_EPSILON = 1e-8
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
    rows = torch.eye(3, dtype=torch.float64)[:2]
    parameters = torch.cat([rows, torch.ones_like(rows[:1]), torch.zeros_like(rows[:1])]).requires_grad_()
    mean, square = torch.zeros_like(parameters), torch.zeros_like(parameters)
    for step in range(1, iterations + 1):
        moved = _transform(parameters).apply(source)
        forward = to_target(moved[:_MATCHED_POINTS]).indices
        backward = neighbour_index(moved)(queries).indices
        loss = _squared_distances(parameters, source[:_MATCHED_POINTS], target[forward])
        loss = loss + _squared_distances(parameters, source[backward], queries)
        (gradient,) = torch.autograd.grad(loss, parameters)
        with torch.no_grad():  # torch.optim.Adam imports the compiler, which takes seconds
            mean.lerp_(gradient, 1.0 - _BETAS[0])
            square.lerp_(gradient.square(), 1.0 - _BETAS[1])
            unbiased_mean, unbiased_square = mean / (1.0 - _BETAS[0] ** step), square / (1.0 - _BETAS[1] ** step)
            parameters -= _LEARNING_RATE * unbiased_mean / (unbiased_square.sqrt() + _EPSILON)
    return _transform(parameters)


@torch.enable_grad()
def _squared_distances(
    parameters: Float[Tensor, "4 3"], start: Float[np.ndarray, "n 3"], end: Float[np.ndarray, "n 3"]
) -> Float[Tensor, ""]:
    """Mean squared distance of the transformed ``start`` to ``end``, up to a constant.

    With the affine transform A, it is tr(A M A') - 2 tr(A C') for the moments M of ``start`` and C of both. The
    gradient then involves no array of points.
    """
    homogeneous = np.concatenate([start, np.ones_like(start[:, :1])], axis=1)
    moments = torch.from_numpy(homogeneous.T @ homogeneous / len(start))
    cross_moments = torch.from_numpy(end.T @ homogeneous / len(start))
    affine = torch.cat([_rotation(parameters[:2]) * parameters[2], parameters[3][:, None]], dim=1)
    return (affine @ moments * affine).sum() - 2.0 * (affine * cross_moments).sum()


def _transform(parameters: Float[Tensor, "4 3"]) -> ScaledRigidTransform:
    values = parameters.detach().clone()
    return ScaledRigidTransform(values[2].numpy(), _rotation(values[:2]).numpy(), values[3].numpy())


def _rotation(rows: Float[Tensor, "2 3"]) -> Float[Tensor, "3 3"]:
    """Rotation matrix whose first two rows span the same plane (Gram-Schmidt)."""
    first = normalize(rows[0], dim=0)
    second = normalize(rows[1] - (first @ rows[1]) * first, dim=0)
    return torch.stack([first, second, torch.linalg.cross(first, second)])
