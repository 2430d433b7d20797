import importlib.util

import numpy as np
import pytest

from shelfnet.evaluation import neighbours
from shelfnet.evaluation.neighbours import neighbour_index

BACKENDS = ["scipy", "torch"] + (["pytorch3d"] if importlib.util.find_spec("pytorch3d") else [])


def brute_force(queries, targets):
    distances = np.linalg.norm(queries[:, None] - targets[None], axis=-1)
    return distances.min(axis=1), distances.argmin(axis=1)


@pytest.mark.parametrize("backend", BACKENDS)
def test_agrees_with_brute_force(backend):
    generator = np.random.default_rng(0)
    queries, targets = generator.uniform(-0.5, 0.5, (300, 3)), generator.uniform(-0.5, 0.5, (200, 3))
    found = neighbour_index(targets, backend)(queries)
    distances, indices = brute_force(queries, targets)
    np.testing.assert_allclose(found.distances, distances, atol=1e-6)
    np.testing.assert_array_equal(found.indices, indices)


def test_torch_backend_is_independent_of_its_chunks(monkeypatch):
    monkeypatch.setattr(neighbours, "_PAIRS_PER_CHUNK", 200 * 7)
    test_agrees_with_brute_force("torch")


@pytest.mark.parametrize("backend", BACKENDS)
def test_small_distances_are_exact(backend):
    targets = np.random.default_rng(0).uniform(-0.5, 0.5, (500, 3))
    found = neighbour_index(targets, backend)(targets + np.array([1e-4, 0.0, 0.0]))
    np.testing.assert_allclose(found.distances, 1e-4, rtol=1e-2)


def test_agrees_with_point_cloud_utils():
    oracle = pytest.importorskip("point_cloud_utils")
    generator = np.random.default_rng(1)
    queries, targets = generator.normal(size=(500, 3)), generator.normal(size=(400, 3))
    distances, indices = oracle.k_nearest_neighbors(queries, targets, 1)
    found = neighbour_index(targets)(queries)
    np.testing.assert_allclose(found.distances, np.ravel(distances), atol=1e-9)
    np.testing.assert_array_equal(found.indices, np.ravel(indices))


@pytest.mark.skipif("pytorch3d" in BACKENDS, reason="pytorch3d is installed")
def test_missing_pytorch3d_is_named():
    with pytest.raises(ModuleNotFoundError, match="pytorch3d"):
        neighbour_index(np.zeros((1, 3)), "pytorch3d")
