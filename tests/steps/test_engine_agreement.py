import numpy as np
import pytest
import torch
from box_models import ASYMMETRIC, cameras, iou, write_textured

from shelfnet.config.render import RenderSettings
from shelfnet.renderer.volume import render_features
from shelfnet.representations.voxels import VoxelField
from shelfnet.steps.render_engines import ENGINES, open_engine


@pytest.mark.parametrize("mtl", ["map_Kd texture.png", "Kd 1 0 0", "Kd 1 1 1"])
def test_engines_agree_on_a_model(tmp_path, mtl):
    path = write_textured(tmp_path, ASYMMETRIC, mtl=mtl)
    views = cameras((20, 10), (150, 25))
    images = []
    for name in sorted(ENGINES):
        with open_engine(RenderSettings(engine=name, resolution_px=64, samples=8), threads=1) as opened:
            images.append(opened.render(path, views))
    for first, second in zip(*images, strict=True):
        inside = (first[..., 3] == 255) & (second[..., 3] == 255)
        assert iou(first[..., 3] > 127, second[..., 3] > 127) >= 0.98
        assert np.abs(first[inside].astype(float) - second[inside]).mean() < 15


def test_the_neural_renderer_sees_an_object_where_the_engines_do(tmp_path):
    """One camera convention for all three: the same object, the same cameras, the same silhouette.

    The object is centred with its longest side 1, so that a model's normalised frame is the object frame; and it has no
    symmetry, so that neither a mirror image nor a turn passes for it.
    """
    path = write_textured(tmp_path, ASYMMETRIC)
    views = cameras((20, 10), (150, 25), (-70, -4))
    settings = RenderSettings(resolution_px=64, samples=16)
    neural = neural_silhouettes(views, settings)
    for name in sorted(ENGINES):
        with open_engine(settings.model_copy(update={"engine": name}), threads=1) as opened:
            images = opened.render(path, views)
        for ours, theirs in zip(neural, images, strict=True):
            assert iou(ours, theirs[..., 3] > 127) >= 0.95, name


@pytest.mark.parametrize("wrong", [(200, 10), (-20, 10), (110, 10), (20, -10)], ids=str)
def test_silhouettes_from_a_wrong_view_do_not_agree(wrong):
    right, turned = neural_silhouettes(cameras((20, 10), wrong), RenderSettings(resolution_px=64))
    assert iou(right, turned) < 0.93


def neural_silhouettes(views, settings: RenderSettings) -> np.ndarray:
    field, fov = boxes_field(ASYMMETRIC, resolution=128), np.radians(settings.fov_deg)
    size = settings.resolution_px
    shown = render_features(field, torch.from_numpy(views), fov, size, 256, views_per_object=len(views))
    return shown.mask.numpy() > 0.5


def boxes_field(boxes, resolution: int) -> VoxelField:
    centres = (np.arange(resolution) + 0.5) / resolution - 0.5
    grid = np.zeros((resolution,) * 3, dtype=bool)
    for box in boxes:
        inside = [(centres >= low) & (centres <= high) for low, high in zip(*box, strict=True)]
        grid |= inside[2][:, None, None] & inside[1][None, :, None] & inside[0][None, None, :]
    occupancy = torch.from_numpy(grid).double()[None, None]
    return VoxelField(occupancy, torch.zeros(1, 1, 2, 2, 2, dtype=torch.float64))
