import math

import numpy as np
import pytest
from box_models import ASYMMETRIC, cameras, corners, silhouette, write_textured

from shelfnet.blender import engine as engine_module
from shelfnet.blender.engine import CyclesEngine, CyclesQuality
from shelfnet.blender.render_border import PixelRect, bounding_rect

FOV = math.radians(35)
SIDE_PX = 48
POINTS = np.concatenate([corners(box) for box in ASYMMETRIC])


@pytest.mark.parametrize("angles", [(0, 0), (70, 20), (-140, -5)])
def test_rect_bounds_silhouette_with_margin(angles):
    camera = cameras(angles)[0]
    frame = bounding_rect(POINTS, camera, FOV, SIDE_PX)
    rows, columns = np.nonzero(silhouette(ASYMMETRIC, camera, FOV, SIDE_PX))
    bounds = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
    margin = np.array([frame.left, frame.top, frame.right, frame.bottom]) - bounds
    assert (np.abs(margin) <= 3).all() and (margin[:2] < 0).all() and (margin[2:] > 0).all()


def test_rect_clipped_to_image():
    assert bounding_rect(POINTS, cameras((0, 0), distance=1.0)[0], FOV, SIDE_PX) == PixelRect(0, 0, SIDE_PX, SIDE_PX)


def test_border_does_not_change_pixels(tmp_path, monkeypatch):
    path = write_textured(tmp_path, ASYMMETRIC)
    views = cameras((30, 25), (160, -5))
    with CyclesEngine(CyclesQuality(SIDE_PX, samples=4, denoise=False), FOV) as cycles:
        framed = cycles.render(path, views)
        monkeypatch.setattr(engine_module, "bounding_rect", lambda *arguments: PixelRect(0, 0, SIDE_PX, SIDE_PX))
        np.testing.assert_array_equal(framed, cycles.render(path, views))
    assert framed[..., 3].any(axis=(1, 2)).all()
