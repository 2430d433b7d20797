import numpy as np
import pytest

from shelfnet.evaluation.baselines import chamfer_matrix, draw_training_models, medoid, sphere_mesh, spread_candidates


def test_sphere_has_its_radius():
    mesh = sphere_mesh()
    np.testing.assert_allclose(np.linalg.norm(mesh.vertices, axis=1), 0.4)
    assert mesh.face_areas().sum() == pytest.approx(4 * np.pi * 0.4**2, rel=0.01)


def test_chamfer_matrix_equals_brute_force():
    surfaces = [np.random.default_rng(seed).normal(size=(30, 3)) * seed for seed in (1, 2, 3)]

    def brute(a, b):
        table = np.linalg.norm(a[:, None] - b[None], axis=-1)
        return 0.5 * (table.min(axis=0).mean() + table.min(axis=1).mean())

    np.testing.assert_allclose(
        chamfer_matrix(surfaces), [[brute(a, b) for b in surfaces] for a in surfaces], atol=1e-12
    )


def test_medoid_is_the_middle_surface():
    directions = np.random.default_rng(0).normal(size=(200, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    assert medoid([radius * directions for radius in (0.1, 0.5, 0.32, 0.3, 0.2)]) == 3


def test_first_of_equal_medoids_is_chosen():
    points = np.random.default_rng(0).normal(size=(50, 3))
    assert medoid([points + 5.0, points, points]) == 1
    with pytest.raises(ValueError):
        medoid([])


def test_candidates_are_spread_whatever_the_order():
    ids = [f"m{number:03d}" for number in range(100)]
    chosen = spread_candidates(ids[::-1], 5)
    assert chosen == ("m000", "m025", "m050", "m074", "m099")
    assert spread_candidates(ids, 200) == tuple(ids)


def test_draws_are_distinct_and_repeatable():
    ids = [f"m{number}" for number in range(10)]
    first, again = (draw_training_models(ids, 4, np.random.default_rng(3)) for _ in range(2))
    assert first == again
    assert len(set(first)) == 4
    assert set(first) <= set(ids)
    assert sorted(draw_training_models(ids, 99, np.random.default_rng(3))) == sorted(ids)
