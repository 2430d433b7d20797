import logging

import numpy as np
import pytest
import trimesh

from shelfnet.data.obj.planes import large_planes
from shelfnet.data.obj.reader import load_obj
from shelfnet.geometry.meshes import Mesh

SQUARE = np.array([[-0.5, 0, -0.5], [0.5, 0, -0.5], [0.5, 0, 0.5], [-0.5, 0, 0.5]])
TILT = trimesh.transformations.rotation_matrix(0.7, [1, 2, 3])[:3, :3]


def joined(*parts):
    """Parts (vertices, faces) as one mesh."""
    starts = np.cumsum([0, *(len(vertices) for vertices, _ in parts)])
    vertices = np.concatenate([vertices for vertices, _ in parts])
    faces = np.concatenate([np.asarray(faces) + start for (_, faces), start in zip(parts, starts[:-1], strict=True)])
    return Mesh(vertices.astype(float), faces.astype(np.int64))


def box(size=1.0):
    made = trimesh.creation.box((size, size, size))
    return made.vertices, made.faces


def plane(side, pieces=1):
    """A square of two triangles; with ``pieces`` = 2, they share no vertices."""
    corners = SQUARE * side
    return (corners, [[0, 1, 2], [0, 2, 3]]) if pieces == 1 else (corners[[0, 1, 2, 0, 2, 3]], [[0, 1, 2], [3, 4, 5]])


@pytest.mark.parametrize("pieces", [1, 2])
@pytest.mark.parametrize("turn", [np.eye(3), TILT])
def test_a_plane_far_larger_than_the_rest(pieces, turn):
    mesh = joined(box(), plane(30, pieces), (box()[0] + [1, 0, 0], box()[1]))
    found = large_planes(Mesh(mesh.vertices @ turn.T, mesh.faces))
    assert found.tolist() == [False] * 12 + [True] * 2 + [False] * 12


def test_planes_in_proportion_are_kept():
    assert not large_planes(joined(box(), plane(4.9))).any()
    assert not large_planes(joined(plane(1), (SQUARE + np.array([0, 1, 0]), [[0, 1, 2], [0, 2, 3]]))).any()
    assert not large_planes(joined(plane(30))).any()


def test_large_parts_that_are_not_flat_are_kept():
    made = trimesh.creation.box((30, 0.1, 30))
    assert not large_planes(joined(box(), (made.vertices, made.faces))).any()
    bent = SQUARE * 30
    bent[2, 1] = 1.0
    assert not large_planes(joined(box(), (bent, [[0, 1, 2], [0, 2, 3]]))).any()


def test_several_planes():
    assert large_planes(joined(box(), plane(30), plane(40))).tolist() == [False] * 12 + [True] * 4
    many = [plane(30 + index) for index in range(17)]
    assert not large_planes(joined(box(), *many)).any()


def test_the_reader_leaves_the_plane_out_and_says_so(tmp_path, caplog):
    mesh = joined(plane(50), box())
    rows = [f"v {x} {y} {z}" for x, y, z in mesh.vertices]
    rows += ["usemtl shadow", *(f"f {a} {b} {c}" for a, b, c in mesh.faces[:2] + 1)]
    rows += ["usemtl wood", *(f"f {a} {b} {c}" for a, b, c in mesh.faces[2:] + 1)]
    path = tmp_path / "chair" / "raw_model.obj"
    path.parent.mkdir()
    path.write_text("\n".join(rows))
    with caplog.at_level(logging.WARNING):
        loaded = load_obj(path, 100)
    assert len(loaded.faces) == 12
    assert loaded.face_areas().sum() == pytest.approx(6.0)
    assert "chair/raw_model.obj" in caplog.text and "2 triangles" in caplog.text
