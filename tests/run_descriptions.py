"""Descriptions of trained runs (``model.json``), for tests."""

from pathlib import Path
from typing import Any

from shelfnet.config.load import merge
from shelfnet.networks.checkpoint import DESCRIPTION, RunDescription

_COMPLETE = {
    "ablation": "base",
    "seed": 0,
    "iterations": 500,
    "model": {},
    "render": {},
    "losses": {},
    "train": {},
    "reconstruct": {},
    "refine": {},
    "perceptual_features": "untrained",
    "clip_weights": "unused",
    "object_share": 0.6,
    "validation_level": 0.05,
    "dataset_digest": "abc123",
    "code_version": "0.1.0-abc",
    "device": "cpu",
    "seconds": 75.0,
}


def run_description(**changes: Any) -> RunDescription:
    """A valid description with nested changes; sections of settings have their defaults."""
    return RunDescription.model_validate(merge(_COMPLETE, changes))


def write_run_description(folder: Path, **changes: Any) -> Path:
    """Write :func:`run_description` to the ``model.json`` of a folder."""
    path = folder / DESCRIPTION
    path.write_text(run_description(**changes).model_dump_json())
    return path
