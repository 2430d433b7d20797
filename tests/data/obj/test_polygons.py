import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfnet.data.obj import polygons
from shelfnet.data.obj.polygons import triangulate
from shelfnet.geometry.meshes import Mesh


def one_polygon(outline):
    """Outline (n 2) lifted into a tilted plane, and its triangles."""
    plane = np.array([[0.6, 0.0, 0.8], [0.0, 1.0, 0.0]])
    vertices = np.asarray(outline, dtype=float) @ plane + [5.0, -3.0, 2.0]
    n = len(vertices)
    return Mesh(vertices, triangulate(vertices, np.arange(n), np.array([n])))


def shoelace(outline):
    x, y = np.asarray(outline, dtype=float).T
    return 0.5 * (x @ np.roll(y, -1) - y @ np.roll(x, -1))


def assert_covers(outline):
    """Checks the orientation and total area of the triangles."""
    mesh = one_polygon(outline)
    normals = mesh.face_normals()
    assert len(mesh.faces) <= len(outline) - 2
    assert mesh.face_areas().sum() == pytest.approx(abs(shoelace(outline)), rel=1e-9)
    solid = mesh.face_areas() > 1e-12
    expected = np.sign(shoelace(outline)) * np.cross([0.6, 0.0, 0.8], [0.0, 1.0, 0.0])
    np.testing.assert_allclose(normals[solid], np.broadcast_to(expected, (solid.sum(), 3)), atol=1e-9)


SQUARE = [(0, 0), (1, 0), (1, 1), (0, 1)]
ARROW = [(0, 0), (2, 1), (0, 2), (0.5, 1)]
L_SHAPE = [(0, 0), (2, 0), (2, 1), (1, 1), (1, 3), (0, 3)]
COMB = [(0, 0), (7, 0), (7, 3), (6, 3), (6, 1), (5, 1), (5, 3), (4, 3), (4, 1), (3, 1), (3, 3), (2, 3), (2, 1), (0, 1)]


@pytest.mark.parametrize("outline", [SQUARE, ARROW, L_SHAPE, COMB])
@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize("start", [0, 1, 3])
def test_known_outlines_covered(outline, direction, start):
    assert_covers(np.roll(outline, start, axis=0)[::direction])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0.3, 3.0), min_size=5, max_size=24))
def test_star_shaped_outlines_covered(radii):
    angles = np.arange(len(radii)) * 2 * np.pi / len(radii)
    assert_covers(np.array(radii)[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1))


def test_mixed_sizes():
    vertices = np.random.default_rng(0).random((12, 3))
    faces = triangulate(vertices, np.arange(12), np.array([4, 3, 5]))
    assert len(faces) == 2 + 1 + 3
    assert faces[0].tolist() == [4, 5, 6]
    assert set(faces[1:3].ravel().tolist()) == {0, 1, 2, 3}
    assert set(faces[3:].ravel().tolist()) == {7, 8, 9, 10, 11}


POINT = [(0, 0)] * 6
LINE = [(0, 0), (1, 0), (2, 0), (3, 0), (4, 0)]
CROSSING = [(0, 0), (2, 2), (2, 0), (0, 2), (1, 3)]


@pytest.mark.parametrize("outline", [POINT, LINE, CROSSING])
def test_degenerate_outlines_have_triangles(outline):
    assert 1 <= len(one_polygon(outline).faces) <= len(outline) - 2


def test_large_convex_polygon_is_fan():
    angles = np.arange(4000) * 2 * np.pi / 4000
    mesh = one_polygon(np.stack([np.cos(angles), np.sin(angles)], axis=1))
    assert mesh.face_areas().sum() == pytest.approx(np.pi, rel=1e-5)


def zigzag(n):
    """A concave outline of n corners."""
    radii = np.where(np.arange(n) % 2, 1.0, 2.0)
    angles = np.arange(n) * 2 * np.pi / n
    return radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def with_keyhole():
    """A square with a square hole, joined to its outline by a cut."""
    return [(0, 0), (4, 0), (4, 4), (0, 4), (0, 0), (1, 1), (1, 3), (3, 3), (3, 1), (1, 1)]


def test_a_hole_with_a_cut_stays_open():
    mesh = one_polygon(with_keyhole())
    assert mesh.face_areas().sum() == pytest.approx(16.0 - 4.0)


def test_large_concave_polygons_are_fast():
    started = time.perf_counter()
    assert_covers(zigzag(322))
    assert_covers(zigzag(8000)[::-1])
    assert time.perf_counter() - started < 5.0


def test_concave_polygons_are_limited(monkeypatch):
    monkeypatch.setattr(polygons, "MAX_CONCAVE_WORK", 100_000)
    with pytest.raises(ValueError, match="concave faces: 1 with 400 corners"):
        one_polygon(zigzag(400))
    outline = np.concatenate([zigzag(100), np.zeros((100, 1))], axis=1)
    with pytest.raises(ValueError, match="concave faces: 200 with 100 corners"):
        triangulate(np.tile(outline, (200, 1)), np.arange(20_000), np.full(200, 100))


def test_large_outlines_that_cross_themselves_are_refused():
    with pytest.raises(ValueError, match="4000 corners crosses itself"):
        one_polygon(np.random.default_rng(0).random((4000, 2)))
