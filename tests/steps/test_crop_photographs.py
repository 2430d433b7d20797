"""Photographs without masks are segmented with Mask R-CNN or quarantined."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import nn
from torchvision.models.detection import maskrcnn_resnet50_fpn_v2

from shelfnet.config.dataset import DatasetSettings
from shelfnet.config.images import ImagesSettings
from shelfnet.data.catalogue.quarantine import read_quarantine
from shelfnet.data.images import decode_png
from shelfnet.data.shards import writer
from shelfnet.networks.segmenter import LABELS
from shelfnet.steps.catalogue_photographs import catalogue_photographs
from shelfnet.steps.crop_photographs import crop_photographs
from shelfnet.steps.stage_photographs import stage_photographs

SIDE_PX, CROP_PX = 96, 32
BRIGHT = 160
"""Offset of the grey values of the bright photograph, which are otherwise the column."""
SHARE = 0.5
"""Side of the network's only box as a fraction of the photograph."""


def pass_first_channel(network: nn.Module) -> None:
    """Make every layer pass on its first channel only."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            layer.weight[0, 0, layer.kernel_size[0] // 2, layer.kernel_size[1] // 2] = 1.0
        elif isinstance(layer, nn.BatchNorm2d):
            layer.weight.fill_(1.0)
            layer.running_var.fill_(1.0)
        elif isinstance(layer, nn.Linear):
            layer.weight[0] = 1.0


@torch.no_grad()
def simple_network() -> nn.Module:
    """Mask R-CNN that detects a chair in the middle half of photographs brighter than the ImageNet mean."""
    with torch.device("meta"):
        network = maskrcnn_resnet50_fpn_v2(weights=None, weights_backbone=None, num_classes=len(LABELS))
    network.to_empty(device="cpu")
    for value in network.state_dict().values():
        value.zero_()
    pass_first_channel(network.backbone)
    pass_first_channel(network.roi_heads.box_head)
    score, box = network.roi_heads.box_predictor.cls_score, network.roi_heads.box_predictor.bbox_pred
    score.weight[LABELS.index("chair"), 0] = 1.0
    score.bias[LABELS.index("__background__")] = 10.0
    # Square anchors grow beyond the photograph and are clipped to it; the others become too small to count. The last
    # step shrinks the remaining box.
    square = torch.tensor([False, True, False])
    network.rpn.head.bbox_pred.bias.view(3, 4)[:, 2:] = torch.where(square, 4.0, -20.0)[:, None]
    box.bias.view(-1, 4)[:, 2:] = 5.0 * math.log(SHARE)
    network.roi_heads.mask_predictor.mask_fcn_logits.bias.fill_(20.0)
    return network


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Weights file; kernels hold zeros and ones and are stored as bytes."""
    path = tmp_path_factory.mktemp("weights") / "mask_rcnn.pth"
    state = simple_network().state_dict()
    torch.save({name: value.to(torch.int8) if value.dim() > 1 else value for name, value in state.items()}, path)
    return path


@pytest.fixture
def crop(tmp_path):
    """Stages, catalogues and crops two opaque photographs and one with a mask; returns crops by id, and quarantine."""
    (tmp_path / "in").mkdir()
    columns = np.tile(np.arange(SIDE_PX, dtype=np.uint8)[None, :, None], (SIDE_PX, 1, 3))
    Image.fromarray(columns).save(tmp_path / "in" / "dark.png")
    Image.fromarray(columns + BRIGHT).save(tmp_path / "in" / "bright.png")
    inside = np.zeros((SIDE_PX, SIDE_PX, 1), np.uint8)
    inside[10:50, 10:50] = 255
    Image.fromarray(np.concatenate([columns, inside], axis=2)).save(tmp_path / "in" / "masked.png")
    settings = DatasetSettings(kind="images", path=str(tmp_path / "in"), path_env=None)
    manifest, journal = tmp_path / "out" / "manifest.json", tmp_path / "out" / "j.jsonl"
    photographs, shard = tmp_path / "out" / "photographs.parquet", tmp_path / "out" / "shard.parquet"

    def run(**segmenter):
        stage_photographs(settings=settings, output_dir=tmp_path / "out", manifest=manifest, journal=journal)
        catalogue_photographs(
            settings=settings,
            n_shards=1,
            manifest=manifest,
            models=tmp_path / "out" / "models.parquet",
            photographs=photographs,
            quarantine=tmp_path / "out" / "refused.csv",
            journal=journal,
        )
        crop_photographs(
            settings=ImagesSettings.model_validate({"segmenter": {"kind": "mask_rcnn", **segmenter}}),
            resolution_px=CROP_PX,
            timeout_s=120.0,
            memory_mb=4000,
            manifest=manifest,
            photographs=photographs,
            shard=0,
            n_shards=4,
            output=shard,
            quarantine=tmp_path / "out" / "quarantine.csv",
            journal=journal,
        )
        rows = pd.read_parquet(shard).set_index("model_id")["image"]
        crops = {model_id: decode_png(image["bytes"]) for model_id, image in rows.items()}
        return crops, read_quarantine(tmp_path / "out" / "quarantine.csv")

    return run


def shown_columns(crop):
    """First and last column of the object in the photograph, and its width in the crop."""
    inside = crop[..., 3] > 127
    seen = crop[inside][:, 0].astype(int)
    return seen.min(), seen.max(), np.ptp(np.flatnonzero(inside.any(axis=0))) + 1


def test_missing_masks_are_segmented_or_quarantined(crop, weights):
    crops, (refused,) = crop(weights="file", path=str(weights))
    assert sorted(crops) == ["bright", "masked"]
    first, last, width = shown_columns(crops["bright"])
    assert (first - BRIGHT, last - BRIGHT) == pytest.approx((0.25 * SIDE_PX, 0.75 * SIDE_PX), abs=3.0)
    assert width == pytest.approx(0.7 * CROP_PX, abs=1.5)
    assert shown_columns(crops["masked"])[:2] == pytest.approx((10, 49), abs=3.0)
    assert (refused.model_id, refused.stage, refused.path) == ("dark", "crop_photographs", "dark.png")
    assert "chair, couch, bed, dining table" in refused.reason


def test_oversized_shard_warned(crop, monkeypatch, caplog):
    monkeypatch.setattr(writer, "TARGET_BYTES", 700)
    crop(kind="none")
    assert [record for record in caplog.records if "instead of 4" in record.getMessage()]


def test_remarks_on_masks_are_counted_with_names(crop, tmp_path, caplog):
    masked = np.asarray(Image.open(tmp_path / "in" / "masked.png"))
    for name in ("first.png", "second.png"):
        stray = masked.copy()
        stray[-1, -1, 3] = 255
        Image.fromarray(stray).save(tmp_path / "in" / name)
    crops, _ = crop(kind="none")
    np.testing.assert_array_equal(crops["first"], crops["masked"])
    (told,) = [record.getMessage() for record in caplog.records if "stray" in record.getMessage()]
    assert "2 photographs" in told and "'first.png', 'second.png'" in told


def test_missing_weights_stop_the_stage(crop, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch_home"))
    for variable in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")  # the discard port, which refuses connections
    with pytest.raises(FileNotFoundError, match=r"(?s)torch_home.*mask.*\.pth.*segmenter\.weights: file"):
        crop(weights="cache")
    assert not (tmp_path / "out" / "shard.parquet").exists()
