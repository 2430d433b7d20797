import numpy as np
import pytest
import trimesh
from PIL import Image
from trimesh.visual.material import PBRMaterial

from shelfnet.data.glb import MeshFileError, read_glb


def box(**visual) -> trimesh.Trimesh:
    plain = trimesh.creation.box()
    return trimesh.Trimesh(plain.vertices, plain.faces, process=False, **visual)


def test_linear_colours_become_srgb(tmp_path):
    box(vertex_colors=np.tile([0, 55, 255, 255], (8, 1))).export(tmp_path / "box.glb")
    colours = read_glb(tmp_path / "box.glb").visual.vertex_colors
    np.testing.assert_array_equal(colours, np.tile([0, 128, 255, 255], (8, 1)))


def test_material_does_not_change_vertex_colours(tmp_path):
    def add_material(tree):
        tree["materials"] = [{"pbrMetallicRoughness": {"metallicFactor": 0.0}}]
        tree["meshes"][0]["primitives"][0]["material"] = 0

    coloured = box(vertex_colors=np.tile([0, 55, 255, 255], (8, 1)))
    coloured.export(tmp_path / "plain.glb")
    coloured.export(tmp_path / "material.glb", tree_postprocessor=add_material)
    plain, material = (read_glb(tmp_path / name).visual.vertex_colors for name in ("plain.glb", "material.glb"))
    np.testing.assert_array_equal(plain, material)


def test_texture_is_kept(tmp_path):
    image = Image.new("RGB", (4, 4), (10, 20, 30))
    visual = trimesh.visual.TextureVisuals(uv=np.full((8, 2), 0.5), material=PBRMaterial(baseColorTexture=image))
    box(visual=visual).export(tmp_path / "box.glb")
    loaded = read_glb(tmp_path / "box.glb")
    assert loaded.visual.material.baseColorTexture.getpixel((0, 0)) == (10, 20, 30)
    np.testing.assert_allclose(loaded.visual.uv, 0.5)


def test_mesh_without_colours_refused(tmp_path):
    trimesh.creation.box().export(tmp_path / "grey.glb")
    with pytest.raises(MeshFileError, match=r"grey\.glb: .*colours"):
        read_glb(tmp_path / "grey.glb")


def test_invalid_file_refused(tmp_path):
    with pytest.raises(MeshFileError, match=r"gone\.glb"):
        read_glb(tmp_path / "gone.glb")
