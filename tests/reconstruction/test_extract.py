import math

import numpy as np
import pytest

from shelfnet.geometry.meshes import Mesh
from shelfnet.reconstruction.extract import (
    extract_mesh,
    keep_largest_component,
    mesh_from_grid,
    sample_grid,
    simplify,
)

BUDGET = 100_000


def ball(centre, radius, sharpness=60.0):
    def occupancy(points):
        distance = np.linalg.norm(points - np.asarray(centre), axis=1)
        return 1.0 / (1.0 + np.exp(np.clip(sharpness * (distance - radius), -50.0, 50.0)))

    return occupancy


def two_balls(points):
    return np.maximum(ball((0.25, 0.0, 0.0), 0.15)(points), ball((-0.3, 0.0, 0.0), 0.08)(points))


def signed_volume(mesh: Mesh) -> float:
    a, b, c = np.moveaxis(mesh.triangles(), 1, 0)
    return float(np.einsum("fi,fi->f", a, np.cross(b, c)).sum() / 6.0)


def is_closed(mesh: Mesh) -> bool:
    sides = np.concatenate([mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]], mesh.faces[:, [2, 0]]])
    forward = {tuple(side) for side in sides}
    return len(forward) == len(sides) and all((b, a) in forward for a, b in forward)


def test_sphere_has_its_radius_volume_and_outward_faces():
    radius, centre = 0.3, np.array([0.1, -0.05, 0.15])
    mesh = extract_mesh(ball(centre, radius), 32, 0.5, False, BUDGET)
    np.testing.assert_allclose(np.linalg.norm(mesh.vertices - centre, axis=1), radius, atol=2e-3)
    assert signed_volume(mesh) == pytest.approx(4 / 3 * math.pi * radius**3, rel=0.02)
    assert is_closed(mesh)


def test_box_keeps_its_axes():
    low, high = np.array([-0.4, -0.1, 0.05]), np.array([-0.1, 0.3, 0.45])

    def occupancy(points):
        return ((points > low) & (points < high)).all(axis=1).astype(np.float64)

    mesh = extract_mesh(occupancy, 40, 0.5, False, BUDGET)
    np.testing.assert_allclose(mesh.vertices.min(axis=0), low, atol=1 / 40)
    np.testing.assert_allclose(mesh.vertices.max(axis=0), high, atol=1 / 40)


def test_grid_order_is_z_y_x_at_cell_centres():
    grid = sample_grid(lambda points: points @ np.array([1.0, 10.0, 100.0]), 4)
    assert grid[3, 0, 1] == pytest.approx(-0.125 + 10 * -0.375 + 100 * 0.375)


def test_a_full_cube_is_closed_at_the_border():
    mesh = mesh_from_grid(np.ones((8, 8, 8)), 0.5, False, BUDGET)
    assert is_closed(mesh)
    np.testing.assert_allclose(mesh.vertices.min(axis=0), -0.5, atol=1e-6)
    np.testing.assert_allclose(mesh.vertices.max(axis=0), 0.5, atol=1e-6)
    assert signed_volume(mesh) == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("value", [0.0, 0.5])
def test_nothing_above_the_level_is_an_empty_mesh(value):
    mesh = mesh_from_grid(np.full((6, 6, 6), value), 0.5, True, BUDGET)
    assert mesh.is_empty
    assert mesh.vertices.shape == (0, 3)


def test_simplification_meets_the_budget_and_keeps_the_shape():
    radius = 0.35
    mesh = extract_mesh(ball((0, 0, 0), radius), 32, 0.5, False, 400)
    assert 200 < len(mesh.faces) <= 400
    assert is_closed(mesh)
    assert signed_volume(mesh) == pytest.approx(4 / 3 * math.pi * radius**3, rel=0.03)


def test_a_mesh_within_the_budget_stays_as_it_is():
    mesh = extract_mesh(ball((0, 0, 0), 0.2), 16, 0.5, False, BUDGET)
    assert simplify(mesh, len(mesh.faces)) is mesh


def test_simplification_never_empties_a_mesh():
    mesh = extract_mesh(two_balls, 24, 0.5, False, 4)
    assert not mesh.is_empty


def test_largest_component_is_chosen_by_area():
    whole = extract_mesh(two_balls, 32, 0.5, False, BUDGET)
    largest = extract_mesh(two_balls, 32, 0.5, True, BUDGET)
    assert whole.vertices[:, 0].min() < -0.3
    assert largest.vertices[:, 0].min() > 0.05
    assert is_closed(largest)


def test_every_vertex_of_a_kept_component_is_used():
    mesh = keep_largest_component(extract_mesh(two_balls, 24, 0.5, False, BUDGET))
    np.testing.assert_array_equal(np.unique(mesh.faces), np.arange(len(mesh.vertices)))


@pytest.mark.parametrize(
    ("grid", "level", "max_faces", "message"),
    [
        (np.full((4, 4, 4), np.nan), 0.5, 100, "finite occupancies, got 64"),
        (np.ones((4, 4, 4)), 1.0, 100, r"level in \(0, 1\), got 1.0"),
        (np.ones((4, 4, 4)), 0.5, 3, "at least 4 faces, got 3"),
    ],
)
def test_bad_input_is_refused(grid, level, max_faces, message):
    with pytest.raises(ValueError, match=message):
        mesh_from_grid(grid, level, False, max_faces)
