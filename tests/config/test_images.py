"""Settings of photographs."""

import pytest
from pydantic import ValidationError
from torchvision.models.detection import MaskRCNN_ResNet50_FPN_V2_Weights

from shelfnet.config.images import COCO_CATEGORIES, ImagesSettings, SegmenterSettings


def test_categories_match_torchvision():
    labels = set(MaskRCNN_ResNet50_FPN_V2_Weights.COCO_V1.meta["categories"])
    assert labels - {"__background__", "N/A"} == COCO_CATEGORIES


def test_unknown_category_is_named():
    with pytest.raises(ValidationError, match="armchair: "):
        SegmenterSettings(categories=("chair", "armchair"))


@pytest.mark.parametrize(
    "segmenter", [{"weights": "file"}, {"categories": ()}, {"score_threshold": 1.5}, {"kind": "sam"}]
)
def test_invalid_segmenter_is_refused(segmenter):
    with pytest.raises(ValidationError):
        ImagesSettings.model_validate({"segmenter": segmenter})
