import numpy as np
import pytest
from box_models import ASYMMETRIC, cameras, iou, write_textured

from shelfnet.config.render import RenderSettings
from shelfnet.steps.render_engines import ENGINES, open_engine


@pytest.mark.parametrize("mtl", ["map_Kd texture.png", "Kd 1 0 0", "Kd 1 1 1"])
def test_engines_agree_on_a_model(tmp_path, mtl):
    path = write_textured(tmp_path, ASYMMETRIC, mtl=mtl)
    views = cameras((20, 10), (150, 25))
    pictures = []
    for name in sorted(ENGINES):
        with open_engine(RenderSettings(engine=name, resolution_px=64, samples=8), threads=1) as opened:
            pictures.append(opened.render(path, views))
    for first, second in zip(*pictures, strict=True):
        inside = (first[..., 3] == 255) & (second[..., 3] == 255)
        assert iou(first[..., 3] > 127, second[..., 3] > 127) >= 0.98
        assert np.abs(first[inside].astype(float) - second[inside]).mean() < 14
