"""Meshes: normalisation, sampling, normals and connected components."""

import numpy as np
import pytest
import trimesh

from shelfnet.geometry.meshes import Mesh, face_components, normalise, sample_surface


def box(extents, centre=(0.0, 0.0, 0.0)) -> Mesh:
    shape = trimesh.creation.box(extents=extents)
    return Mesh(np.asarray(shape.vertices) + centre, np.asarray(shape.faces))


def test_normalise_centres_and_scales_the_longest_side_to_one():
    mesh = normalise(box((1.0, 4.0, 2.0), centre=(5.0, -3.0, 9.0)))
    assert np.allclose(mesh.vertices.max(axis=0), (0.125, 0.5, 0.25))
    assert np.allclose(mesh.vertices.min(axis=0), (-0.125, -0.5, -0.25))


def test_normalise_ignores_unused_vertices():
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
def test_normalise_rejects_a_mesh_without_finite_extent(mesh):
    with pytest.raises(ValueError):
        normalise(mesh)


def test_samples_lie_on_the_surface_uniformly_by_area():
    mesh = box((1.0, 2.0, 4.0))
    points, normals = sample_surface(mesh, 20_000, np.random.default_rng(0))
    on_face = np.isclose(np.abs(points), np.array([0.5, 1.0, 2.0]), atol=1e-12)
    assert on_face.any(axis=1).all()
    assert np.allclose(np.abs(normals).max(axis=1), 1.0)
    share = on_face.mean(axis=0)
    areas = np.array([2 * 4, 1 * 4, 1 * 2]) / 14
    assert np.allclose(share, areas, atol=0.015)
    assert np.allclose(points.mean(axis=0), 0.0, atol=0.04)


def test_sample_surface_rejects_a_mesh_without_area():
    with pytest.raises(ValueError):
        sample_surface(Mesh(np.zeros((3, 3)), np.array([[0, 1, 2]])), 10, np.random.default_rng(0))


def test_vertex_normals_of_a_sphere_point_outwards():
    ball = trimesh.creation.icosphere(3, 0.4)
    normals = Mesh(ball.vertices.copy(), ball.faces.astype(np.int64)).vertex_normals()
    assert ((normals * ball.vertices).sum(1) / 0.4).min() > 0.999


def test_vertex_normals_weight_faces_by_area():
    # Areas 2 (facing +Z) and 1 (facing +X) meet in the first vertex.
    vertices = np.array([[0.0, 0, 0], [2, 0, 0], [0, 2, 0], [0, 0, -1]])
    normals = Mesh(vertices, np.array([[0, 1, 2], [0, 3, 2]])).vertex_normals()
    np.testing.assert_allclose(normals[0], np.array([1.0, 0.0, 2.0]) / np.sqrt(5.0), atol=1e-12)
    np.testing.assert_allclose(normals[1], [0.0, 0.0, 1.0], atol=1e-12)


def test_vertex_normals_are_unit_without_faces_and_where_faces_cancel():
    vertices = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [5, 5, 5]])
    normals = Mesh(vertices, np.array([[0, 1, 2], [0, 2, 1]])).vertex_normals()
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1.0)


@pytest.mark.parametrize(
    ("faces", "labels"),
    [
        ([[0, 1, 2], [5, 6, 7], [2, 3, 4], [7, 8, 9]], [0, 1, 0, 1]),
        ([[3, 4, 5], [9, 10, 11]], [0, 1]),
        (np.zeros((0, 3)), []),
    ],
    ids=["shared vertices", "unused vertices", "no faces"],
)
def test_face_components(faces, labels):
    assert face_components(np.array(faces, dtype=np.int64)).tolist() == labels


def test_face_components_of_a_long_chain_are_one():
    start = np.arange(0, 2_000, 2)
    assert set(face_components(np.stack([start, start + 1, start + 2], axis=1)[::-1])) == {0}
