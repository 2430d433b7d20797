"""Trained models on disk: weights as safetensors and a description as plain JSON, never pickles."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from shelfnet.config.meshes import ReconstructSettings, RefineSettings
from shelfnet.config.networks import ModelSettings
from shelfnet.config.render import RenderSettings
from shelfnet.config.section import Fraction
from shelfnet.config.supervision import LossSettings
from shelfnet.config.train import TrainSettings
from shelfnet.file_tree import reading_fault
from shelfnet.networks.shelfnet import ShelfNet
from shelfnet.publishing import complete_file

WEIGHTS, DESCRIPTION = "model.safetensors", "model.json"
"""Names of the two files in the folder of a run."""

SHOWN_FAULTS = 3
"""Number of faults that a message lists."""


class CheckpointError(ValueError):
    """A checkpoint cannot be used; the message names the file and, where one is missing, the key."""


class RunDescription(BaseModel):
    """How a model was trained, and everything that a prediction with it needs.

    Attributes:
        ablation: Name of the ablation.
        seed: Seed of weights, batches and views.
        iterations: Number of training iterations.
        model: Network sizes.
        render: Camera, view prior and size of the training images.
        losses: Weights of Eq. 9.
        train: Optimiser settings and schedules.
        reconstruct: Mesh extraction settings at the time of training.
        refine: Refinement settings at the time of training.
        perceptual_features: Weights behind Eq. 6; ``unused`` where the term has no weight.
        clip_weights: Weights behind Eq. 11; ``unused`` where the term has no weight.
        object_share: Median fraction of an image's side that the object takes.
        validation_level: Occupancy at the surface in validation curves.
        dataset_digest: Digest of the training shards.
        code_version: Version of the package.
        device: Name of the hardware.
        seconds: Wall time since training started or was last resumed.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    ablation: str
    seed: Annotated[int, Field(ge=0)]
    iterations: Annotated[int, Field(ge=0)]
    model: ModelSettings
    render: RenderSettings
    losses: LossSettings
    train: TrainSettings
    reconstruct: ReconstructSettings
    refine: RefineSettings
    perceptual_features: str
    clip_weights: str
    object_share: Fraction
    validation_level: Fraction
    dataset_digest: str
    code_version: str
    device: str
    seconds: float


def save_model(folder: Path, model: nn.Module, description: Mapping[str, Any]) -> None:
    """Publish the weights of a model and its description.

    Args:
        folder: Folder of the run; created if needed.
        model: Trained network.
        description: JSON values; :func:`load_model` needs those of :class:`RunDescription`.
    """
    with complete_file(folder / DESCRIPTION) as text, complete_file(folder / WEIGHTS) as weights:
        save_file(cpu_tensors(model.state_dict()), weights)
        text.write_text(json.dumps(description, indent=2, sort_keys=True))


def read_run_description(folder: Path) -> RunDescription:
    """Description of the model in a folder.

    Raises:
        CheckpointError: The file is missing, may not be read, is damaged, or lacks a key.
    """
    path = folder / DESCRIPTION
    _require_readable(path)
    try:
        return RunDescription.model_validate_json(path.read_bytes())
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc'])) or 'JSON'}: {fault['msg']}" for fault in error.errors()]
        raise CheckpointError(f"{path}: not a usable description of a model: {_first(faults)}") from error


def load_model(folder: Path, device: torch.device | str = "cpu") -> ShelfNet:
    """The trained network of a folder, in evaluation mode and without gradients.

    Raises:
        CheckpointError: A file is missing, may not be read, is damaged, or belongs to another network.
    """
    description = read_run_description(folder)
    _require_readable(folder / WEIGHTS)  # safetensors reports a file that may not be read as missing
    try:
        model = ShelfNet(description.model, description.render)
        weights = load_file(folder / WEIGHTS)
        _check_shapes(model.state_dict(), weights)
        model.load_state_dict(weights)
    except (OSError, RuntimeError, ValueError, SafetensorError) as error:
        raise CheckpointError(f"{folder / WEIGHTS}: not usable weights of this model: {error}") from error
    return model.to(device).eval().requires_grad_(False)


def _check_shapes(expected: Mapping[str, Tensor], stored: Mapping[str, Tensor]) -> None:
    """Compare names and shapes of tensors.

    Raises:
        ValueError: They differ; torch's own message has one line per tensor.
    """
    faults = [f"{name} is missing" for name in expected if name not in stored]
    faults += [f"{name} is unknown" for name in stored if name not in expected]
    for name in sorted(expected.keys() & stored.keys()):
        if expected[name].shape != stored[name].shape:
            faults.append(f"{name} is {tuple(stored[name].shape)} instead of {tuple(expected[name].shape)}")
    if faults:
        raise ValueError(_first(faults))


def _first(faults: Sequence[str]) -> str:
    more = f"; and {len(faults) - SHOWN_FAULTS} more" if len(faults) > SHOWN_FAULTS else ""
    return "; ".join(faults[:SHOWN_FAULTS]) + more


def _require_readable(path: Path) -> None:
    """Refuse a file that is missing or may not be read.

    Raises:
        CheckpointError: The file is one of these.
    """
    fault = reading_fault(path, "no such file, so there is no checkpoint in this folder")
    if fault is not None:
        raise CheckpointError(f"{path}: {fault}")


def cpu_tensors(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Contiguous copies on the CPU, as safetensors stores them."""
    return {name: value.detach().cpu().clone().contiguous() for name, value in tensors.items()}
