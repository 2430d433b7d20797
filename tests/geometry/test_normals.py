import numpy as np
import trimesh

from shelfnet.geometry.meshes import Mesh
from shelfnet.geometry.normals import vertex_normals


def test_normals_of_a_sphere_point_outwards():
    ball = trimesh.creation.icosphere(3, 0.4)
    normals = vertex_normals(Mesh(ball.vertices.copy(), ball.faces.astype(np.int64)))
    assert ((normals * ball.vertices).sum(1) / 0.4).min() > 0.999


def test_faces_count_by_area():
    # Areas 2 (facing +Z) and 1 (facing +X) meet in the first vertex.
    vertices = np.array([[0.0, 0, 0], [2, 0, 0], [0, 2, 0], [0, 0, -1]])
    normals = vertex_normals(Mesh(vertices, np.array([[0, 1, 2], [0, 3, 2]])))
    np.testing.assert_allclose(normals[0], np.array([1.0, 0.0, 2.0]) / np.sqrt(5.0), atol=1e-12)
    np.testing.assert_allclose(normals[1], [0.0, 0.0, 1.0], atol=1e-12)


def test_vertices_without_a_face_and_faces_that_cancel_have_a_unit_normal():
    vertices = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [5, 5, 5]])
    normals = vertex_normals(Mesh(vertices, np.array([[0, 1, 2], [0, 2, 1]])))
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1.0)
