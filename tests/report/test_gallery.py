import math

import numpy as np
import pandas as pd
import pytest
import trimesh

from shelfnet.data.obj.materials import Material
from shelfnet.geometry.meshes import Mesh
from shelfnet.preview.models import Submesh
from shelfnet.report.gallery import Renderers, best_methods, make_gallery
from shelfnet.report.shown_views import PredictedMesh, ShownView

NAN = float("nan")
TRIANGLE = np.array([[0.0, 0.0, 0.5], [0.0, 0.2, 0.0], [0.0, -0.2, 0.0]])


@pytest.fixture
def predicted(tmp_path):
    path = tmp_path / "m_000.glb"
    trimesh.Trimesh(TRIANGLE, [[0, 1, 2]], vertex_colors=[[200, 0, 0, 255]] * 3, process=False).export(path)
    return PredictedMesh(path, azimuth_deg=10.0, elevation_deg=5.0, alignment_deg=90.0)


def gallery(predictions, *, azimuth_deg=30.0, truth=None, chamfer=0.03):
    cameras = []

    def render(_, camera):
        cameras.append(camera)
        return np.zeros((4, 4, 4), np.uint8)

    view = ShownView(
        "m", 0, "A Chair", np.zeros((4, 4, 4), np.uint8), azimuth_deg, 20.0 + 0 * azimuth_deg, truth, predictions
    )
    rows = [("m", 0, stage, chamfer, 0.8) for stage in ("coarse", "refined")]
    table = pd.DataFrame(rows, columns=["model_id", "view", "stage", "chamfer", "mask_iou"])
    parts = [Submesh(Mesh(TRIANGLE, np.array([[0, 1, 2]])), np.eye(3), np.zeros((3, 2)), Material())]
    renderers = Renderers(render, render, 2.6)
    true_parts = None if truth is None else lambda _: parts
    return make_gallery([view], ["base"], {"base": table}, true_parts, renderers), cameras


def azimuth_deg(camera):
    return math.degrees(math.atan2(camera[0, 3], camera[2, 3]))


def test_tiles_have_their_file_score_and_rotation(predicted):
    found, _ = gallery({("base", "refined"): predicted})
    (own,) = found.objects
    refined, coarse = own.tiles
    assert (refined.stage, refined.score, refined.yaw_deg) == ("refined", "chamfer 0.0300", 90.0)
    assert found.files == {refined.file: predicted.path.read_bytes()}
    assert (coarse.stage, coarse.file, coarse.preview) == ("coarse", None, "")
    assert own.truth is None


def test_all_previews_show_the_side_of_the_input_image(predicted):
    """The mesh itself is 90 degrees beside the object frame, so its camera is as well."""
    found, cameras = gallery({("base", "refined"): predicted}, truth=trimesh.creation.box())
    assert found.objects[0].azimuth_deg == 30.0
    assert [azimuth_deg(camera) for camera in cameras] == pytest.approx([30.0 - 90.0, 30.0])
    assert set(found.files) == {found.objects[0].tiles[0].file, found.objects[0].truth.file}


def test_without_true_views_the_camera_is_the_predicted_one(predicted):
    found, cameras = gallery({("base", "refined"): predicted}, azimuth_deg=NAN, chamfer=NAN)
    (own,) = found.objects
    assert (own.azimuth_deg, own.elevation_deg) == (100.0, 5.0)
    assert azimuth_deg(cameras[0]) == pytest.approx(10.0)
    assert own.tiles[0].score == "mask IoU 0.800"


def test_best_methods_are_trained_and_sorted():
    names = ["mean_shape", "untrained", "base", "clip", "base", "se3", "best"]
    comparison = pd.DataFrame({"ablation": names, "mean": [0.01, 0.02, 0.06, 0.05, 0.03, 0.07, 0.04]})
    assert best_methods(comparison) == ["base", "best", "clip"]
