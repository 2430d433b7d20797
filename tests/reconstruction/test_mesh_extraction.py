import math

import numpy as np
import pytest

from shelfnet.geometry.meshes import Mesh
from shelfnet.reconstruction.mesh_extraction import (
    NonFiniteFieldError,
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


def test_sphere_radius_volume_and_orientation():
    radius, centre = 0.3, np.array([0.1, -0.05, 0.15])
    mesh = extract_mesh(ball(centre, radius), 32, 0.5, False, BUDGET)
    np.testing.assert_allclose(np.linalg.norm(mesh.vertices - centre, axis=1), radius, atol=2e-3)
    assert signed_volume(mesh) == pytest.approx(4 / 3 * math.pi * radius**3, rel=0.02)
    assert is_closed(mesh)


def test_box_axes():
    low, high = np.array([-0.4, -0.1, 0.05]), np.array([-0.1, 0.3, 0.45])

    def occupancy(points):
        return ((points > low) & (points < high)).all(axis=1).astype(np.float64)

    mesh = extract_mesh(occupancy, 40, 0.5, False, BUDGET)
    np.testing.assert_allclose(mesh.vertices.min(axis=0), low, atol=1 / 40)
    np.testing.assert_allclose(mesh.vertices.max(axis=0), high, atol=1 / 40)


def test_grid_order_is_z_y_x_at_cell_centres():
    grid = sample_grid(lambda points: points @ np.array([1.0, 10.0, 100.0]), 4)
    assert grid[3, 0, 1] == pytest.approx(-0.125 + 10 * -0.375 + 100 * 0.375)


def test_full_cube_is_closed():
    mesh = mesh_from_grid(np.ones((8, 8, 8)), 0.5, False, BUDGET)
    assert is_closed(mesh)
    np.testing.assert_allclose(mesh.vertices.min(axis=0), -0.5, atol=1e-6)
    np.testing.assert_allclose(mesh.vertices.max(axis=0), 0.5, atol=1e-6)
    assert signed_volume(mesh) == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("value", [0.0, 0.5])
def test_no_occupancy_gives_empty_mesh(value):
    mesh = mesh_from_grid(np.full((6, 6, 6), value), 0.5, True, BUDGET)
    assert mesh.is_empty
    assert mesh.vertices.shape == (0, 3)


def test_simplification_meets_budget_and_keeps_shape():
    radius = 0.35
    mesh = extract_mesh(ball((0, 0, 0), radius), 32, 0.5, False, 400)
    assert 200 < len(mesh.faces) <= 400
    assert is_closed(mesh)
    assert signed_volume(mesh) == pytest.approx(4 / 3 * math.pi * radius**3, rel=0.03)


def torus(points):
    ring = np.hypot(points[:, 0], points[:, 2]) - 0.28
    return 1.0 / (1.0 + np.exp(np.clip(60.0 * (np.hypot(ring, points[:, 1]) - 0.12), -50.0, 50.0)))


def gentle(points):
    """Occupancy that falls slowly, so that the level decides where the surface is: at a radius of 0.4 (1 - level)."""
    return np.clip(1.0 - np.linalg.norm(points, axis=1) / 0.4, 0.0, 1.0)


def euler_characteristic(mesh: Mesh) -> int:
    sides = np.sort(np.concatenate([mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]], mesh.faces[:, [2, 0]]]), axis=1)
    return len(mesh.vertices) - len(np.unique(sides, axis=0)) + len(mesh.faces)


@pytest.mark.parametrize("level", [0.05, 0.3, 0.6])
def test_surface_lies_at_level(level):
    mesh = extract_mesh(gentle, 40, level, False, BUDGET)
    np.testing.assert_allclose(np.linalg.norm(mesh.vertices, axis=1), 0.4 * (1.0 - level), atol=4e-3)


@pytest.mark.parametrize("resolution", [12, 24, 48])
def test_error_falls_with_resolution(resolution):
    mesh = extract_mesh(ball((0, 0, 0), 0.3), resolution, 0.5, False, BUDGET)
    assert np.abs(np.linalg.norm(mesh.vertices, axis=1) - 0.3).max() < 1.5 / resolution**2 * 4


@pytest.mark.parametrize("max_faces", [BUDGET, 1200, 300])
def test_face_normals_match_surface(max_faces):
    mesh = extract_mesh(torus, 40, 0.5, False, max_faces)
    centres, normals = mesh.triangles().mean(axis=1), mesh.face_normals()
    flat = np.hypot(centres[:, 0], centres[:, 2])
    spine = 0.28 * centres[:, [0, 2]] / flat[:, None]
    outward = centres - np.column_stack([spine[:, 0], np.zeros(len(centres)), spine[:, 1]])
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    agreement = (normals * outward).sum(1)
    assert agreement.min() > 0.5
    assert np.average(agreement, weights=mesh.face_areas()) > 0.97


@pytest.mark.parametrize("max_faces", [BUDGET, 1200, 300])
def test_simplification_keeps_topology(max_faces):
    mesh = extract_mesh(torus, 40, 0.5, False, max_faces)
    assert is_closed(mesh)
    assert euler_characteristic(mesh) == 0
    assert len(mesh.faces) <= max_faces


def test_floaters_are_kept_by_default():
    mesh = extract_mesh(two_balls, 32, 0.5, False, 400)
    assert is_closed(mesh)
    assert euler_characteristic(mesh) == 4


def test_mesh_within_budget_is_unchanged():
    mesh = extract_mesh(ball((0, 0, 0), 0.2), 16, 0.5, False, BUDGET)
    assert simplify(mesh, len(mesh.faces)) is mesh


def test_simplification_never_returns_empty_mesh():
    mesh = extract_mesh(two_balls, 24, 0.5, False, 4)
    assert not mesh.is_empty


def test_largest_component_is_selected_by_area():
    whole = extract_mesh(two_balls, 32, 0.5, False, BUDGET)
    largest = extract_mesh(two_balls, 32, 0.5, True, BUDGET)
    assert whole.vertices[:, 0].min() < -0.3
    assert largest.vertices[:, 0].min() > 0.05
    assert is_closed(largest)


def test_largest_component_has_no_unused_vertices():
    mesh = keep_largest_component(extract_mesh(two_balls, 24, 0.5, False, BUDGET))
    np.testing.assert_array_equal(np.unique(mesh.faces), np.arange(len(mesh.vertices)))


def test_non_finite_occupancies_are_refused():
    with pytest.raises(NonFiniteFieldError, match="64"):
        mesh_from_grid(np.full((4, 4, 4), np.nan), 0.5, False, 100)
