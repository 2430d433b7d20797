"""Meshes: normalisation and area-uniform sampling."""

import numpy as np
import pytest
import trimesh

from shelfnet.geometry.meshes import Mesh, normalise, sample_surface


def box(extents, centre=(0.0, 0.0, 0.0)) -> Mesh:
    shape = trimesh.creation.box(extents=extents)
    return Mesh(np.asarray(shape.vertices) + centre, np.asarray(shape.faces))


def test_normalise_centres_and_scales_the_longest_side_to_one():
    mesh = normalise(box((1.0, 4.0, 2.0), centre=(5.0, -3.0, 9.0)))
    assert np.allclose(mesh.vertices.max(axis=0), (0.125, 0.5, 0.25))
    assert np.allclose(mesh.vertices.min(axis=0), (-0.125, -0.5, -0.25))


def test_normalise_ignores_vertices_that_no_face_uses():
    mesh = box((1.0, 1.0, 1.0))
    stray = Mesh(np.vstack([mesh.vertices, [[100.0, 0.0, 0.0]]]), mesh.faces)
    assert np.allclose(normalise(stray).vertices[:8], mesh.vertices)


@pytest.mark.parametrize(
    "mesh",
    [
        Mesh(np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int64)),
        Mesh(np.ones((3, 3)), np.array([[0, 1, 2]])),
        Mesh(np.array([[0.0, 0, 0], [1, 0, 0], [np.nan, 1, 0]]), np.array([[0, 1, 2]])),
    ],
)
def test_what_has_no_finite_extent_is_refused(mesh):
    with pytest.raises(ValueError, match="expected"):
        normalise(mesh)


def test_points_are_on_the_surface_and_uniform_in_area():
    mesh = box((1.0, 2.0, 4.0))
    points, normals = sample_surface(mesh, 20_000, np.random.default_rng(0))
    on_face = np.isclose(np.abs(points), np.array([0.5, 1.0, 2.0]), atol=1e-12)
    assert on_face.any(axis=1).all()
    assert np.allclose(np.abs(normals).max(axis=1), 1.0)
    share = on_face.mean(axis=0)
    areas = np.array([2 * 4, 1 * 4, 1 * 2]) / 14
    assert np.allclose(share, areas, atol=0.015)
    assert np.allclose(points.mean(axis=0), 0.0, atol=0.04)


def test_a_mesh_without_area_cannot_be_sampled():
    with pytest.raises(ValueError, match="area"):
        sample_surface(Mesh(np.zeros((3, 3)), np.array([[0, 1, 2]])), 10, np.random.default_rng(0))
