import numpy as np
import pytest

from shelfnet.evaluation.components import component_areas, connectivity
from shelfnet.geometry.meshes import Mesh


def test_floater_fraction_of_two_spheres(make_sphere, join):
    found = connectivity(join(make_sphere(0.1, (-0.45, 0.0, 0.0)), make_sphere(0.3)))
    assert found.components == 2
    assert found.floater_fraction == pytest.approx(0.1**2 / (0.1**2 + 0.3**2))


def test_largest_component_is_largest_by_area(make_sphere, join):
    found = connectivity(join(make_sphere(0.3, subdivisions=2), make_sphere(0.1, (0.4, 0.0, 0.0), subdivisions=4)))
    assert found.floater_fraction == pytest.approx(0.1, abs=0.01)


def test_single_component_has_no_floaters(make_sphere):
    found = connectivity(make_sphere(0.3))
    assert (found.components, found.floater_fraction) == (1, 0.0)


def test_seams_do_not_separate_components(make_sphere):
    sphere = make_sphere(0.3, subdivisions=2)
    soup = Mesh(sphere.triangles().reshape(-1, 3), np.arange(3 * len(sphere.faces)).reshape(-1, 3))
    assert connectivity(soup).components == 1


def test_unreferenced_vertices_are_no_components(make_sphere):
    sphere = make_sphere(0.3, subdivisions=1)
    stray = Mesh(np.concatenate([np.full((3, 3), -0.7), sphere.vertices]), sphere.faces + 3)
    assert connectivity(stray).components == 1


def test_positions_that_differ_in_one_coordinate_are_distinct():
    corner = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    stacked = np.concatenate([corner + np.array([0.0, 0.0, z]) for z in (0.0, 0.25, 1.0)])
    np.testing.assert_allclose(component_areas(Mesh(stacked, np.arange(9).reshape(3, 3))), [0.5, 0.5, 0.5])
