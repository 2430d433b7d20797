import numpy as np
import pytest

from shelfnet.evaluation.components import component_areas, structure
from shelfnet.geometry.meshes import Mesh


def test_two_spheres_share_the_area_by_their_radii(make_sphere, join):
    found = structure(join(make_sphere(0.1, (-0.45, 0.0, 0.0)), make_sphere(0.3)))
    assert found.components == 2
    assert found.floater_fraction == pytest.approx(0.1**2 / (0.1**2 + 0.3**2))


def test_the_largest_part_is_the_largest_by_area_not_by_faces(make_sphere, join):
    found = structure(join(make_sphere(0.3, subdivisions=2), make_sphere(0.1, (0.4, 0.0, 0.0), subdivisions=4)))
    assert found.floater_fraction == pytest.approx(0.1, abs=0.01)


def test_one_part_has_no_floaters(make_sphere):
    found = structure(make_sphere(0.3))
    assert (found.components, found.floater_fraction) == (1, 0.0)


def test_seams_do_not_separate(make_sphere):
    sphere = make_sphere(0.3, subdivisions=2)
    soup = Mesh(sphere.triangles().reshape(-1, 3), np.arange(3 * len(sphere.faces)).reshape(-1, 3))
    assert structure(soup).components == 1


def test_vertices_without_faces_are_no_parts(make_sphere):
    sphere = make_sphere(0.3, subdivisions=1)
    stray = Mesh(np.concatenate([np.full((3, 3), -0.7), sphere.vertices]), sphere.faces + 3)
    assert structure(stray).components == 1


def test_positions_that_differ_in_one_coordinate_alone_stay_apart():
    corner = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    stacked = np.concatenate([corner + np.array([0.0, 0.0, z]) for z in (0.0, 0.25, 1.0)])
    np.testing.assert_allclose(component_areas(Mesh(stacked, np.arange(9).reshape(3, 3))), [0.5, 0.5, 0.5])


def test_a_mesh_without_area_is_refused():
    with pytest.raises(ValueError, match="area above zero"):
        structure(Mesh(np.zeros((3, 3)), np.array([[0, 1, 2]])))
    assert len(component_areas(Mesh(np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int64)))) == 0
