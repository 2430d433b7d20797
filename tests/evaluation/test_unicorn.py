import math

import numpy as np
import pytest
import torch

from shelfnet.evaluation.alignment import SearchablePoints
from shelfnet.evaluation.metrics import chamfer_icp
from shelfnet.evaluation.unicorn import chamfer_unicorn, fit_scaled_rigid, unicorn_points
from shelfnet.geometry.cameras import rotation_about_y
from shelfnet.geometry.meshes import Mesh, normalise

N = 10_000
SCALE = np.array([1.15, 0.8, 1.0])


def points(mesh, seed, n_points=N):
    return unicorn_points(mesh, n_points, np.random.default_rng(seed))


def indexed(values):
    return SearchablePoints(values)


def floor(mesh):
    """Expected distance between two samples of one surface: 1 / (2 sqrt(n / A)) for n points on an area A."""
    return 0.5 * math.sqrt(normalise(mesh).face_areas().sum() / N)


def turn(angle_deg):
    return rotation_about_y(torch.tensor(math.radians(angle_deg), dtype=torch.float64)).numpy()


def deformed(mesh):
    """A mesh that rotation, translation and the scales SCALE bring back."""
    return Mesh((mesh.vertices + np.array([0.1, 0.05, -0.1])) @ turn(12.0) / SCALE, mesh.faces)


def test_identical_shapes_are_at_the_sampling_floor(l_shape):
    found = chamfer_unicorn(points(l_shape, 0), indexed(points(l_shape, 1)), 100)
    assert found == pytest.approx(floor(l_shape), rel=0.05)


def test_scaled_and_rotated_copy_returns_to_the_sampling_floor(l_shape):
    predicted, true = points(deformed(l_shape), 0), indexed(points(l_shape, 1))
    found = chamfer_unicorn(predicted, true, 100)
    assert found < 1.1 * floor(l_shape)
    assert chamfer_unicorn(predicted, true, 0) > 4 * found
    assert chamfer_icp(indexed(predicted), true, 100) > 2 * found  # a rigid fit does not suffice


def test_fit_finds_the_scales_and_the_rotation(l_shape):
    true = normalise(l_shape)
    source, target = points(deformed(true), 0), points(true, 1)
    low, high = (extreme(deformed(true).vertices, axis=0) for extreme in (np.min, np.max))
    found = fit_scaled_rigid(source, target, 200)
    np.testing.assert_allclose(found.scale, SCALE * (high - low).max(), rtol=0.02)
    np.testing.assert_allclose(found.rotation, turn(12.0), atol=0.02)
    np.testing.assert_allclose(found.rotation @ found.rotation.T, np.eye(3), atol=1e-12)


def test_position_and_size_of_the_prediction_do_not_matter(l_shape):
    moved = Mesh(3.0 * l_shape.vertices + np.array([1.0, 2.0, 3.0]), l_shape.faces)
    np.testing.assert_allclose(points(moved, 0), points(l_shape, 0), atol=1e-12)


def test_distance_without_a_fit_is_symmetric_and_that_of_all_pairs(l_shape, make_sphere):
    one, other = points(l_shape, 0, 400), points(make_sphere(0.2), 1, 300)
    pairs = np.linalg.norm(one[:, None] - other[None], axis=-1)
    expected = 0.5 * (pairs.min(axis=0).mean() + pairs.min(axis=1).mean())
    assert chamfer_unicorn(one, indexed(other), 0) == pytest.approx(expected)
    assert chamfer_unicorn(other, indexed(one), 0) == pytest.approx(expected)


def test_fit_equals_gradient_descent_over_all_pairs(l_shape, make_box):
    source, target = points(make_box((0.0, 0.0, 0.0), (1.0, 0.5, 0.7)), 0, 60), points(l_shape, 1, 50)
    rows, scale, shift = torch.eye(3)[:2].double(), torch.ones(3).double(), torch.zeros(3).double()
    parameters = [value.clone().requires_grad_() for value in (rows, scale, shift)]
    optimiser = torch.optim.Adam(parameters, lr=0.01)

    def moved():
        x = parameters[0][0] / parameters[0][0].norm()
        y = parameters[0][1] - (parameters[0][1] @ x) * x
        y = y / y.norm()
        rotation = torch.stack([x, y, torch.linalg.cross(x, y)])
        return torch.stack([rotation @ (parameters[1] * point) + parameters[2] for point in torch.from_numpy(source)])

    for _ in range(8):
        optimiser.zero_grad()
        squared = (moved()[:, None] - torch.from_numpy(target)[None]).square().sum(-1)
        (squared.amin(0).mean() + squared.amin(1).mean()).backward()
        optimiser.step()
    found = fit_scaled_rigid(source, target, 8).apply(source)
    np.testing.assert_allclose(found, moved().detach().numpy(), atol=1e-6)
