import base64

import numpy as np
import pytest
import trimesh

from shelfnet.report.shown_views import PredictedMesh, ShownView
from shelfnet.report.viewer_meshes import decimate, encode, viewer_row


def unpack(text, dtype):
    return np.frombuffer(base64.b64decode(text), dtype=dtype).reshape(-1, 3)


def test_encoded_mesh_round_trips():
    box = trimesh.creation.box([1.0, 0.5, 0.25])
    colours = np.arange(24, dtype=np.uint8).reshape(8, 3)
    packed = encode(np.asarray(box.vertices), np.asarray(box.faces), colours)
    positions = unpack(packed.positions, "<i2") * packed.scale / 32767
    np.testing.assert_allclose(positions, box.vertices, atol=1e-4)
    np.testing.assert_array_equal(unpack(packed.indices, "<u2"), box.faces)
    np.testing.assert_array_equal(unpack(packed.colours, np.uint8), colours)
    assert (packed.faces, packed.wide) == (12, False)


def test_many_vertices_have_wide_indices():
    n = 70_000
    vertices = np.random.default_rng(0).random((n, 3))
    faces = np.array([[0, 1, n - 1]])
    packed = encode(vertices, faces, np.zeros((n, 3), dtype=np.uint8))
    assert packed.wide
    np.testing.assert_array_equal(unpack(packed.indices, "<u4"), faces)


def test_small_mesh_is_not_decimated():
    box = trimesh.creation.box()
    assert decimate(box, 12) is box


def test_decimated_sphere_keeps_its_shape():
    sphere = trimesh.creation.icosphere(subdivisions=5, radius=0.4)
    small = decimate(sphere, 2000)
    assert 1000 < len(small.faces) <= 2000
    radii = np.linalg.norm(small.vertices, axis=1)
    assert radii.min() == pytest.approx(0.4, abs=0.01)
    assert small.volume == pytest.approx(sphere.volume, rel=0.02)


def test_predictions_are_rotated_by_their_alignment(tmp_path):
    """What lies at azimuth 0, on +Z, comes to azimuth 90, on +X."""
    path = tmp_path / "m.glb"
    corners, red = [[0.0, 0.0, 0.5], [0.0, 0.2, 0.0], [0.0, -0.2, 0.0]], [[200, 0, 0, 255]] * 3
    trimesh.Trimesh(corners, [[0, 1, 2]], vertex_colors=red, process=False).export(path)
    prediction = PredictedMesh(path, azimuth_deg=0.0, elevation_deg=0.0, alignment_deg=90.0)
    view = ShownView("m", "a chair", np.zeros((4, 4, 4), np.uint8), 0.0, 0.0, None, {("base", "coarse"): prediction})
    (mesh,) = viewer_row([view]).values()
    positions = unpack(mesh["positions"], "<i2") * mesh["scale"] / 32767
    np.testing.assert_allclose(positions, [[0.5, 0.0, 0.0], [0.0, 0.2, 0.0], [0.0, -0.2, 0.0]], atol=1e-4)
