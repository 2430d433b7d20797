"""``model.json``: what a finished training says of itself."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DESCRIPTION = "model.json"
"""Name of the file in the folder of a run."""


class DescriptionError(ValueError):
    """A description cannot be used; the message names the file and, where it lacks one, the key."""


@dataclass(frozen=True)
class RunDescription:
    """How a model was trained.

    Attributes:
        iterations: of training.
        coarse_iterations: of them, the first ones with small renders.
        coarse_px: side of the small renders.
        resolution_px: side of the renders in full size.
        perceptual_features: weights of the perceptual loss's network.
        code_version: of the package.
        device: as people call it.
        seconds: wall time since the training, or its last continuation, began.
    """

    iterations: int
    coarse_iterations: int
    coarse_px: int
    resolution_px: int
    perceptual_features: str
    code_version: str
    device: str
    seconds: float


def read_run_description(folder: Path) -> RunDescription:
    """What the run in a folder says of its training.

    Raises:
        DescriptionError: the file is missing or no JSON object, or lacks a key.
    """
    path = folder / DESCRIPTION
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DescriptionError(f"{path}: expected a description of a trained model: {error}") from error
    return RunDescription(
        iterations=int(_value(tree, "iterations", path)),
        coarse_iterations=int(_value(tree, "train.coarse_iterations", path)),
        coarse_px=int(_value(tree, "train.coarse_px", path)),
        resolution_px=int(_value(tree, "model.renderer.resolution_px", path)),
        perceptual_features=str(_value(tree, "perceptual_features", path)),
        code_version=str(_value(tree, "code_version", path)),
        device=str(_value(tree, "device", path)),
        seconds=float(_value(tree, "seconds", path)),
    )


def _value(tree: Any, key: str, path: Path) -> Any:
    """What stands at a dotted key."""
    for part in key.split("."):
        if not isinstance(tree, Mapping) or part not in tree:
            raise DescriptionError(f"{path}: expected the key {key}, which is not there")
        tree = tree[part]
    return tree
