import math

import numpy as np
import pytest
import trimesh
from PIL import Image

from shelfnet.cli.previews import CELL_PX, TURNS_DEG, save_preview
from shelfnet.geometry.meshes import Mesh
from shelfnet.prediction.photo_prediction import PhotoPrediction, View
from shelfnet.reconstruction.coloured_mesh import ColouredMesh, save_glb


def test_preview_shows_crop_predicted_view_and_turntable(tmp_path):
    ball = trimesh.creation.icosphere(1, 0.3)
    surface = ColouredMesh(Mesh(ball.vertices.copy(), ball.faces.astype(np.int64)), np.full((42, 3), 0.5))
    save_glb(tmp_path / "chair.glb", surface)
    crop = np.zeros((8, 8, 4), np.uint8)
    crop[2:6, 2:6] = (255, 0, 0, 255)
    eyes = []

    def render(mesh, cam2world):
        assert len(mesh.faces) == len(ball.faces)
        eyes.append(cam2world[:3, 3])
        cell = np.zeros((CELL_PX, CELL_PX, 4), np.uint8)
        cell[:, :, 3] = 40 * len(eyes)
        return cell

    path = tmp_path / "chair.png"
    view = View(math.degrees(0.4), math.degrees(0.1), 35.0, 2.6)
    predicted = PhotoPrediction(surface, view, crop[..., 3], crop, 0.9, 0.0)
    save_preview(path, predicted, tmp_path / "chair.glb", render)
    sheet = np.asarray(Image.open(path))
    assert sheet.shape == (CELL_PX, CELL_PX * (1 + len(TURNS_DEG)), 3)
    assert sheet[CELL_PX // 2, CELL_PX // 2].tolist() == [255, 0, 0]
    assert sheet[2, 2].tolist() == [255, 255, 255]
    expected = [255 - 40 * number for number in range(1, len(TURNS_DEG) + 1)]
    np.testing.assert_allclose(sheet[2, CELL_PX + 2 :: CELL_PX, 0], expected, atol=1)
    np.testing.assert_allclose(np.linalg.norm(eyes, axis=1), 2.6)
    assert math.asin(eyes[0][1] / 2.6) == pytest.approx(0.1)
    azimuths_deg = np.rad2deg([math.atan2(eye[0], eye[2]) for eye in eyes])
    np.testing.assert_allclose(np.mod(azimuths_deg - math.degrees(0.4), 360.0), TURNS_DEG, atol=1e-6)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["chair.glb", "chair.png"]
