import bpy
import numpy as np
import pytest
from box_models import ASYMMETRIC, RED, write_obj, write_textured

from shelfnet.blender.models import MODEL_DATA, imported_model
from shelfnet.blender.scene import CyclesQuality, build_scene
from shelfnet.data.obj.reader import ModelError


@pytest.fixture
def scene():
    return build_scene(CyclesQuality(16, samples=1, denoise=False), fov=0.6, threads=1)


def coordinates(model):
    points = np.empty(3 * len(model.data.vertices))
    model.data.vertices.foreach_get("co", points)
    return points.reshape(-1, 3)


def test_model_normalised(scene, tmp_path):
    path = write_obj(tmp_path, ASYMMETRIC, scale=37.0, shift=(5.0, 90.0, -3.0), extra="v 1000 1000 1000")
    with imported_model(scene, path) as model:
        points = coordinates(model)[:16]
    expected = np.array([np.array(box)[end] for box in ASYMMETRIC for end in (0, 1)])
    np.testing.assert_allclose([points[0], points[7], points[8], points[15]], expected, atol=1e-5)


def test_model_removed(scene, tmp_path):
    path = write_textured(tmp_path)
    count = {kind: len(getattr(bpy.data, kind)) for kind in MODEL_DATA}
    with imported_model(scene, path):
        assert len(bpy.data.images) == count["images"] + 1
    assert {kind: len(getattr(bpy.data, kind)) for kind in MODEL_DATA} == count


def test_broken_model_removed(scene, tmp_path):
    path = write_obj(tmp_path, ())
    count = {kind: len(getattr(bpy.data, kind)) for kind in MODEL_DATA}
    with pytest.raises(ModelError, match=r"raw_model\.obj|mesh"), imported_model(scene, path):
        pass
    assert {kind: len(getattr(bpy.data, kind)) for kind in MODEL_DATA} == count


def test_nan_texture_coordinates_removed(scene, tmp_path):
    path = write_textured(tmp_path)
    path.write_text(path.read_text().replace("vt 0.000000 0.000000", "vt nan inf"))
    with imported_model(scene, path) as model:
        uv = np.empty(2 * len(model.data.uv_layers[0].uv))
        model.data.uv_layers[0].uv.foreach_get("vector", uv)
    assert np.isfinite(uv).all()


def test_materials_share_image_with_first_row_on_top(scene, tmp_path):
    path = write_textured(tmp_path)
    path.write_text(path.read_text().replace("f ", "usemtl wood\nf ", 1).replace("f ", "usemtl other\nf ", 1))
    before = len(bpy.data.images)
    with imported_model(scene, path):
        assert len(bpy.data.images) == before + 1
        top_left = np.array(bpy.data.images[-1].pixels[:]).reshape(32, 32, 4)[-1, 0]
    np.testing.assert_allclose(top_left[:3] * 255, RED, atol=0.5)
