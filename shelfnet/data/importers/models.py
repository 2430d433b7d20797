"""Models of other data sets on their way into the layout of 3D-FUTURE."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from shelfnet.data.catalogue.model_info import ModelInfo
from shelfnet.data.catalogue.quarantine import Quarantined

STAGE = "stage_dataset"


@dataclass(frozen=True)
class ImportedModel:
    """A model to convert: its tags, its file, and what the quarantine calls that file."""

    info: ModelInfo
    path: Path
    shown: str


Fetch = Callable[[Sequence[ModelInfo]], tuple[list[ImportedModel], list[Quarantined]]]
"""Makes the files of some models available; tells apart those that cannot be had."""
