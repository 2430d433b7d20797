"""Cropping and masking of photographs."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from shelfnet.config.section import Count, Fraction, Section

# fmt: off
COCO_CATEGORIES = frozenset((
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light",
    "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow", "elephant",
    "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard",
    "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard", "tennis racket", "bottle",
    "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich", "orange", "broccoli",
    "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch", "potted plant", "bed", "dining table", "toilet",
    "tv", "laptop", "mouse", "remote", "keyboard", "cell phone", "microwave", "oven", "toaster", "sink",
    "refrigerator", "book", "clock", "vase", "scissors", "teddy bear", "hair drier", "toothbrush",
))
# fmt: on
"""Categories of detectors trained on COCO."""


class SegmenterSettings(Section):
    """Network that makes masks for photographs without one."""

    kind: Literal["none", "mask_rcnn"] = "none"
    """Network: none | mask_rcnn (torchvision's)."""
    weights: Literal["cache", "file"] = "cache"
    """Source of the weights: cache (COCO's, from torchvision's cache) | file."""
    path: str | None = None
    """Path of the weights, for file only."""
    categories: tuple[str, ...] = Field(default=("chair", "couch", "bed", "dining table"), min_length=1)
    """COCO categories to detect; the object is the largest detection."""
    score_threshold: Fraction = 0.5
    """Minimum score of a detection."""

    @field_validator("categories")
    @classmethod
    def _categories_are_in_coco(cls, categories: tuple[str, ...]) -> tuple[str, ...]:
        unknown = sorted(set(categories) - COCO_CATEGORIES)
        if unknown:
            raise ValueError(
                f"{', '.join(unknown)}: not in COCO, whose furniture is chair, couch, bed, dining table, ..."
            )
        return categories

    @model_validator(mode="after")
    def _a_file_has_a_path(self) -> SegmenterSettings:
        if self.weights == "file" and self.path is None:
            raise ValueError("segmenter: expected a path, for weights is file")
        return self


class ImagesSettings(Section):
    """Photographs of single objects."""

    object_share: float = Field(default=0.7, ge=0.1, le=1.0)
    """Longer side of the object as a fraction of the crop's side."""
    min_coverage: Fraction = 0.005
    """Minimum fraction of a photograph that its mask covers; others are quarantined."""
    min_object_px: Count = 32
    """Minimum longer side of the object in pixels of the photograph; others are quarantined."""
    plain_background: bool = True
    """Whether photographs without a mask are cut out if the background is plain, before the segmenter."""
    segmenter: SegmenterSettings = SegmenterSettings()
