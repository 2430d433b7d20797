"""Mesh files: what is written comes back, with colours where the format has them."""

import numpy as np
import pytest
import trimesh
from PIL import Image

from shelfnet.geometry.meshes import Mesh
from shelfnet.prediction.mesh_files import MESH_SUFFIXES, MeshFormatError, mesh_companions, save_mesh
from shelfnet.reconstruction.coloured_mesh import ColouredMesh, load_glb, vertex_colours
from shelfnet.reconstruction.uv_atlas import TextureMap, unwrap

BALL = trimesh.creation.icosphere(2, 0.4)
MESH = Mesh(np.add(BALL.vertices, [0.1, 0.0, -0.05]), np.asarray(BALL.faces, dtype=np.int64))
LEFT_IS_RED = np.where(MESH.vertices[:, :1] < 0.1, [[1.0, 0.0, 0.0]], [[0.0, 0.0, 1.0]])
PLAIN = ColouredMesh(MESH, LEFT_IS_RED)
TEXTURE = TextureMap(unwrap(MESH, 64), np.full((64, 64, 3), (10, 200, 30), np.uint8))
TEXTURED = ColouredMesh(MESH, np.full_like(MESH.vertices, 0.5), TEXTURE)


@pytest.mark.parametrize("suffix", MESH_SUFFIXES)
@pytest.mark.parametrize("coloured", [PLAIN, TEXTURED], ids=["vertex", "atlas"])
def test_geometry_comes_back(tmp_path, suffix, coloured):
    path = tmp_path / "new folder" / f"a chair{suffix.upper()}"
    save_mesh(path, coloured)
    read = trimesh.load_mesh(path)
    read.merge_vertices(merge_tex=True, merge_norm=True)
    assert read.is_watertight and len(read.faces) == len(MESH.faces)
    assert read.volume == pytest.approx(BALL.volume, rel=1e-5)
    np.testing.assert_allclose(read.bounds, [MESH.vertices.min(0), MESH.vertices.max(0)], atol=1e-6)
    written = {file for file in path.parent.iterdir() if file != path}
    assert written == (set(mesh_companions(path)) if coloured is TEXTURED else set())


@pytest.mark.parametrize("suffix", [".ply", ".obj"])
def test_vertex_colours_come_back(tmp_path, suffix):
    save_mesh(tmp_path / f"a{suffix}", PLAIN)
    read = trimesh.load_mesh(tmp_path / f"a{suffix}", process=False)
    colours = np.asarray(getattr(read.visual, "vertex_colors"))[:, :3] / 255.0  # noqa: B009
    expected = np.where(np.asarray(read.vertices)[:, :1] < 0.1, [[1.0, 0.0, 0.0]], [[0.0, 0.0, 1.0]])
    np.testing.assert_allclose(colours, expected, atol=0.01)


def test_texture_of_an_obj(tmp_path):
    path = tmp_path / "chair.obj"
    save_mesh(path, TEXTURED)
    material, texture = mesh_companions(path)
    assert f"mtllib {material.name}" in path.read_text() and f"map_Kd {texture.name}" in material.read_text()
    np.testing.assert_array_equal(np.asarray(Image.open(texture)), TEXTURE.pixels)
    uv = [line.split()[1:] for line in path.read_text().splitlines() if line.startswith("vt ")]
    expected = np.stack([TEXTURE.atlas.uv[:, 0], 1.0 - TEXTURE.atlas.uv[:, 1]], axis=1)
    np.testing.assert_allclose(np.array(uv, dtype=float), expected, atol=1e-6)


def test_ply_of_a_textured_mesh_has_the_colours_of_the_texture(tmp_path):
    np.testing.assert_allclose(vertex_colours(TEXTURED) * 255.0, np.tile([10, 200, 30], (len(MESH.vertices), 1)))
    np.testing.assert_array_equal(vertex_colours(PLAIN), PLAIN.colours)
    save_mesh(tmp_path / "a.ply", TEXTURED)
    read = trimesh.load_mesh(tmp_path / "a.ply")
    assert np.asarray(getattr(read.visual, "vertex_colors"))[0, :3].tolist() == [10, 200, 30]  # noqa: B009


def test_glb_is_that_of_the_workflow(tmp_path):
    save_mesh(tmp_path / "a.glb", PLAIN)
    np.testing.assert_allclose(load_glb(tmp_path / "a.glb").mesh.vertices, MESH.vertices, atol=1e-6)


def test_unusable_targets_are_refused(tmp_path):
    with pytest.raises(MeshFormatError, match=r"a\.fbx.*\.glb"):
        save_mesh(tmp_path / "a.fbx", PLAIN)
    empty = ColouredMesh(Mesh(np.zeros((0, 3)), np.zeros((0, 3), np.int64)), np.zeros((0, 3)))
    for suffix in MESH_SUFFIXES:
        with pytest.raises(ValueError, match="faces"):
            save_mesh(tmp_path / f"a{suffix}", empty)
    assert list(tmp_path.iterdir()) == []
