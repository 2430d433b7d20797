"""Mask selection, image sizes and weights of the segmenter."""

import re
from urllib.error import URLError

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.models import _api
from torchvision.models.detection import maskrcnn_resnet50_fpn_v2

from shelfnet.config.images import COCO_CATEGORIES, SegmenterSettings
from shelfnet.data.photographs.reader import PhotoError
from shelfnet.networks.segmenter import (
    LABELS,
    MAX_SIDE_PX,
    WEIGHTS,
    Detections,
    MaskRcnnSegmenter,
    build_segmenter,
    select_mask,
)

SETTINGS = SegmenterSettings(kind="mask_rcnn", categories=("chair", "couch"), score_threshold=0.6)
SIZE = 20


def square(side, value=0.9):
    """Mask probabilities: a square at the upper left, slightly less than a half elsewhere."""
    mask = np.full((SIZE, SIZE), 0.45, np.float32)
    mask[:side, :side] = value
    return mask


def detections(*found):
    labels, scores, masks = zip(*found, strict=True)
    return Detections(labels, np.array(scores, np.float32), np.stack(masks))


def test_select_mask_takes_the_largest_confident_object():
    found = detections(
        ("person", 0.99, square(19)),
        ("chair", 0.95, square(5)),
        ("couch", 0.61, square(9)),
        ("chair", 0.70, square(8)),
        ("chair", 0.59, square(15)),
    )
    np.testing.assert_array_equal(select_mask(found, SETTINGS), square(9))
    only_chairs = SETTINGS.model_copy(update={"categories": ("chair",)})
    np.testing.assert_array_equal(select_mask(found, only_chairs), square(8))


def test_select_mask_without_a_candidate_lists_the_detections():
    found = detections(("cat", 0.98, square(9)), ("chair", 0.35, square(9)))
    with pytest.raises(PhotoError, match=r"cat 0\.98, chair 0\.35"):
        select_mask(found, SETTINGS)
    with pytest.raises(PhotoError):
        select_mask(Detections((), np.zeros(0, np.float32), np.zeros((0, 4, 4), np.float32)), SETTINGS)


class RedDetector(nn.Module):
    """Detects a chair in red pixels and records the input sizes."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.sizes = []

    def forward(self, images):
        (image,) = images
        self.sizes.append(tuple(image.shape))
        red = (image[0] - image[1]).clamp(0.0, 1.0)[None, None]
        return [{"labels": torch.tensor([LABELS.index("chair")]), "scores": torch.tensor([0.8]), "masks": red}]


def red_box(height, width):
    rgb = np.zeros((height, width, 3), np.uint8)
    rgb[height // 4 : height // 2, width // 4 :] = (255, 0, 0)
    return rgb


def test_masks_have_the_size_of_the_photo():
    detector = RedDetector()
    rgb = red_box(30, 40)
    mask = MaskRcnnSegmenter(detector, SETTINGS)(rgb)
    np.testing.assert_array_equal(mask, (rgb[..., 0] > 0).astype(np.float32))
    assert detector.sizes == [(3, 30, 40)]


def test_large_photos_are_shrunk_for_the_network():
    detector = RedDetector()
    rgb = red_box(1000, 4000)
    mask = MaskRcnnSegmenter(detector, SETTINGS)(rgb)
    assert detector.sizes == [(3, 333, MAX_SIDE_PX)]
    assert mask.shape == (1000, 4000)
    assert (mask != (rgb[..., 0] > 0)).mean() < 0.003


@pytest.fixture(scope="module")
def untrained():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return maskrcnn_resnet50_fpn_v2(
            weights=None,
            weights_backbone=None,
            min_size=64,
            max_size=96,
            box_score_thresh=0.0,
            box_detections_per_img=5,
        )


def test_detect_converts_torchvision_output(untrained):
    segmenter = MaskRcnnSegmenter(untrained, SETTINGS)
    found = segmenter.detect(red_box(48, 64))
    assert len(found.labels) == len(found.scores) == 5
    assert set(found.labels) <= COCO_CATEGORIES | {"N/A"}
    assert found.masks.shape == (5, 48, 64)
    assert found.masks.min() >= 0.0 and found.masks.max() <= 1.0


def test_weights_are_loaded_from_a_file(untrained, tmp_path):
    path = tmp_path / "weights.pth"
    torch.save({name: value.half() for name, value in untrained.state_dict().items()}, path)
    segmenter = build_segmenter(SETTINGS.model_copy(update={"weights": "file", "path": str(path)}))
    assert isinstance(segmenter, MaskRcnnSegmenter)
    assert not segmenter.network.training
    for name, value in untrained.named_parameters():
        assert torch.equal(segmenter.network.get_parameter(name), value.half().float()), name
    assert segmenter.network.roi_heads.score_thresh == SETTINGS.score_threshold


def from_file(path):
    return SETTINGS.model_copy(update={"weights": "file", "path": str(path)})


def test_invalid_weights_files_are_errors(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"segmenter\.path.*absent\.pth"):
        build_segmenter(from_file(tmp_path / "absent.pth"))
    (tmp_path / "text.pth").write_text("not tensors")
    torch.save({"weight": torch.zeros(1)}, tmp_path / "other.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    for name in ("text.pth", "other.pth", "list.pth"):
        with pytest.raises(ValueError, match=re.escape(name)):
            build_segmenter(from_file(tmp_path / name))


def test_missing_weights_without_network_are_an_error(tmp_path, monkeypatch):
    def offline(url, *args, **kwargs):
        assert url == WEIGHTS.url
        raise URLError("offline")

    monkeypatch.setattr(_api, "load_state_dict_from_url", offline)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=rf"(?s){re.escape(str(tmp_path))}.*segmenter\.weights: file"):
        build_segmenter(SETTINGS)


def test_cached_weights_are_used(untrained, tmp_path, monkeypatch):
    state = untrained.state_dict()
    monkeypatch.setattr(_api, "load_state_dict_from_url", lambda url, *args, **kwargs: state)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    segmenter = build_segmenter(SETTINGS)
    assert torch.equal(
        segmenter.network.roi_heads.box_predictor.cls_score.weight, state["roi_heads.box_predictor.cls_score.weight"]
    )
