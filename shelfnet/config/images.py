"""Photographs of single objects: how they are cropped, and where masks come from when none are given."""

from __future__ import annotations

from typing import Annotated, Literal

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
"""What detectors trained on COCO tell apart."""


class SegmenterSettings(Section):
    """The network that makes masks for photos that have none."""

    kind: Literal["none", "mask_rcnn"] = "none"
    weights: Literal["cache", "file"] = "cache"
    path: str | None = None
    categories: Annotated[tuple[str, ...], Field(min_length=1)] = ("chair", "couch", "bed", "dining table")
    score_threshold: Fraction = 0.5

    @field_validator("categories")
    @classmethod
    def _known_to_coco(cls, categories: tuple[str, ...]) -> tuple[str, ...]:
        unknown = sorted(set(categories) - COCO_CATEGORIES)
        if unknown:
            raise ValueError(f"{', '.join(unknown)}: no category of COCO; furniture of it: chair, couch, bed, ...")
        return categories

    @model_validator(mode="after")
    def _a_file_has_a_path(self) -> SegmenterSettings:
        if self.weights == "file" and self.path is None:
            raise ValueError("segmenter: weights: file needs a path")
        return self


class ImagesSettings(Section):
    """Photographs of single objects."""

    object_share: Annotated[float, Field(ge=0.1, le=1.0)] = 0.7
    min_coverage: Fraction = 0.005
    min_object_px: Count = 32
    segmenter: SegmenterSettings = SegmenterSettings()
