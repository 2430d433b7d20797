"""Input views of reconstruction and refinement: images and names, without poses."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import UInt8
from torch import Tensor

from shelfnet.data.shards.reader import load_evaluation_views

SPLITS = ("validation", "test")
"""The alignment is fitted on validation, the results are reported on test."""


@dataclass(frozen=True)
class InputView:
    """One image as RGBA bytes with the mask as alpha, and its identity."""

    model_id: str
    split: str
    view: int
    rgba: UInt8[Tensor, "4 h w"]


def load_input_views(shards: Sequence[Path], views_per_model: int) -> list[InputView]:
    """Load the views of all :data:`SPLITS`, sorted by model and view within each split.

    Raises:
        ShardError: A shard is damaged or a split has no views.
    """
    found = []
    for split in SPLITS:
        loaded = load_evaluation_views(shards, split, views_per_model)
        rgba = torch.from_numpy(loaded.images).permute(0, 3, 1, 2)
        names = zip(loaded.model_ids, loaded.views.tolist(), rgba, strict=True)
        found += [InputView(model_id, split, view, pixels) for model_id, view, pixels in names]
    return found
