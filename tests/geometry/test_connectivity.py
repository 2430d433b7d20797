"""Connected parts of a surface, by its faces."""

import numpy as np

from shelfnet.geometry.connectivity import face_parts


def test_faces_that_share_a_vertex_are_one_part():
    faces = np.array([[0, 1, 2], [5, 6, 7], [2, 3, 4], [7, 8, 9]])
    assert face_parts(faces).tolist() == [0, 1, 0, 1]


def test_vertices_that_no_face_uses_are_no_parts():
    assert face_parts(np.array([[3, 4, 5], [9, 10, 11]])).tolist() == [0, 1]


def test_a_long_chain_is_one_part():
    start = np.arange(0, 2_000, 2)
    assert set(face_parts(np.stack([start, start + 1, start + 2], axis=1)[::-1])) == {0}


def test_no_faces_have_no_parts():
    assert face_parts(np.zeros((0, 3), dtype=np.int64)).shape == (0,)
