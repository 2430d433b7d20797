import numpy as np
import pytest
import trimesh

from shelfnet.geometry.meshes import Mesh
from shelfnet.reconstruction.export import MeshFileError, load_glb, save_glb


def wedge() -> Mesh:
    vertices = np.array([[0.0, 0.0, 0.0], [0.5, 0.0, 0.0], [0.0, 0.25, 0.0], [0.0, 0.0, -0.5], [0.0, 0.0, 0.0]])
    return Mesh(vertices, np.array([[0, 1, 2], [4, 3, 1], [2, 3, 0]]))


def test_a_mesh_comes_back_as_it_was(tmp_path):
    mesh, colours = wedge(), np.array([[0, 0, 0], [255, 0, 51], [0, 102, 0], [1, 2, 3], [255, 255, 255]]) / 255.0
    save_glb(tmp_path / "wedge.glb", mesh, colours)
    loaded = load_glb(tmp_path / "wedge.glb")
    np.testing.assert_allclose(loaded.mesh.vertices, mesh.vertices, atol=1e-7)
    np.testing.assert_array_equal(loaded.mesh.faces, mesh.faces)
    np.testing.assert_allclose(loaded.colours, colours, atol=1e-12)


def test_colours_are_rounded_to_bytes_and_clipped(tmp_path):
    colours = np.tile([-0.5, 0.5, 1.5], (5, 1))
    save_glb(tmp_path / "wedge.glb", wedge(), colours)
    np.testing.assert_allclose(load_glb(tmp_path / "wedge.glb").colours, np.tile([0.0, 128 / 255, 1.0], (5, 1)))


def test_an_empty_mesh_is_refused(tmp_path):
    empty = Mesh(np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int64))
    with pytest.raises(ValueError, match=r"none\.glb: expected a mesh with faces"):
        save_glb(tmp_path / "none.glb", empty, np.zeros((0, 3)))


def test_a_colour_for_every_vertex_is_asked_for(tmp_path):
    with pytest.raises(ValueError, match="expected 5 vertex colours, got 4"):
        save_glb(tmp_path / "wedge.glb", wedge(), np.zeros((4, 3)))


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "bad.glb").write_bytes(b"not a mesh")
    with pytest.raises(MeshFileError, match=r"bad\.glb: expected a GLB file"):
        load_glb(tmp_path / "bad.glb")


def test_a_file_without_colours_is_named(tmp_path):
    trimesh.creation.box().export(tmp_path / "grey.glb")
    with pytest.raises(MeshFileError, match=r"grey\.glb: expected vertex colours"):
        load_glb(tmp_path / "grey.glb")


def test_a_file_of_two_meshes_is_named(tmp_path):
    trimesh.Scene([trimesh.creation.box(), trimesh.creation.icosphere(1)]).export(tmp_path / "two.glb")
    with pytest.raises(MeshFileError, match=r"two\.glb: expected exactly one mesh, got 2"):
        load_glb(tmp_path / "two.glb")
