"""Previews: a grid of the photo and views of the mesh."""

import numpy as np
import trimesh
from PIL import Image

from shelfnet.cli.previews import CELL_PX, COLUMNS, TURNS_DEG, save_preview
from shelfnet.data.photographs.reader import MaskSource
from shelfnet.geometry.meshes import Mesh
from shelfnet.prediction.photo_prediction import PhotoPrediction, View
from shelfnet.reconstruction.coloured_mesh import ColouredMesh

BOX = trimesh.creation.box((0.2, 0.6, 0.6))
RED_IN_FRONT = np.where(np.asarray(BOX.vertices)[:, 2:] > 0.0, [[0.9, 0.0, 0.0]], [[0.0, 0.0, 0.9]])


def test_grid_shows_crop_predicted_view_and_all_sides(tmp_path):
    surface = ColouredMesh(Mesh(np.asarray(BOX.vertices), np.asarray(BOX.faces, dtype=np.int64)), RED_IN_FRONT)
    crop = np.zeros((8, 8, 4), np.uint8)
    crop[2:6, 2:6] = (0, 255, 0, 255)
    path = tmp_path / "new" / "chair.png"
    view = View(0.0, 0.0, 35.0, 2.6)
    predicted = PhotoPrediction(surface, view, crop[..., :3], crop[..., 3], MaskSource.ALPHA, crop, 0.9, 0.0)
    save_preview(path, predicted)
    sheet = np.asarray(Image.open(path)).astype(int)
    count = 2 + len(TURNS_DEG)
    assert sheet.shape == (-(-count // COLUMNS) * CELL_PX, COLUMNS * CELL_PX, 3)
    grid = sheet.reshape(-1, CELL_PX, COLUMNS, CELL_PX, 3).swapaxes(1, 2).reshape(-1, CELL_PX, CELL_PX, 3)
    middles = grid[:count, CELL_PX // 2, CELL_PX // 2]
    assert (grid[:, 2, 2] == 255).all()
    assert middles[0].tolist() == [0, 255, 0]
    red, _, blue = middles[1:].T
    # Turns by 0, 60 and 300 degrees show the front, turns by 120, 180 and 240 degrees the back.
    assert (red > blue).tolist() == [True, True, True, False, False, False, True]
    widths = (grid[1:count, CELL_PX // 2].min(axis=-1) < 250).sum(axis=-1)
    assert widths[2] > 1.5 * widths[0]  # the box is three times as deep as wide
    assert [file.name for file in path.parent.iterdir()] == ["chair.png"]
