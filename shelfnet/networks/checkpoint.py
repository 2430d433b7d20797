"""Trained models on disk: weights as safetensors and a description as plain JSON, never pickles."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError, safe_open
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

MAX_DESCRIPTION_BYTES = 2**20

SHOWN_FAULTS = 3
"""Number of faults that a message lists."""


Shape = tuple[int, ...]


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

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)

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
    object_share: Annotated[float, Field(ge=0.01, le=1.0)]
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
        CheckpointError: The file is missing, may not be read, is damaged or too large, or lacks a key.
    """
    path = folder / DESCRIPTION
    _require_readable(path)
    if path.stat().st_size > MAX_DESCRIPTION_BYTES:
        raise CheckpointError(f"{path}: expected at most {MAX_DESCRIPTION_BYTES} bytes, got {path.stat().st_size}")
    try:
        return RunDescription.model_validate_json(path.read_bytes())
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc'])) or 'JSON'}: {fault['msg']}" for fault in error.errors()]
        raise CheckpointError(f"{path}: not a usable description of a model: {_first(faults)}") from error


def load_model(folder: Path, device: torch.device | str = "cpu") -> ShelfNet:
    """The trained network of a folder, in evaluation mode and without gradients.

    Raises:
        CheckpointError: A file is missing, may not be read, is damaged, belongs to another network, or holds NaN or
            infinite weights.
    """
    description = read_run_description(folder)
    path = folder / WEIGHTS
    _require_readable(path)  # safetensors reports a file that may not be read as missing
    try:
        stored = _stored_shapes(path)
        _check_sizes(description.model, stored)
        model = ShelfNet(description.model, description.render)
        _check_shapes({name: tuple(value.shape) for name, value in model.state_dict().items()}, stored)
        weights = load_file(path)
        _check_finite(weights)
        model.load_state_dict(weights)
    except (OSError, RuntimeError, ValueError, SafetensorError) as error:
        raise CheckpointError(f"{path}: not usable weights of this model: {error}") from error
    return model.to(device).eval().requires_grad_(False)


def load_weights(path: Path) -> dict[str, Tensor]:
    """Tensors of a file by name, on the CPU.

    Raises:
        CheckpointError: The file is missing or damaged.
    """
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path}: not usable weights: {error}") from error


def _stored_shapes(path: Path) -> dict[str, Shape]:
    """Shapes of the tensors in a file by name, from its header alone."""
    with safe_open(path, framework="pt") as file:
        return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 (no mapping)


def _check_sizes(model: ModelSettings, stored: Mapping[str, Shape]) -> None:
    """Refuse a description of a network far larger than its weights, before the network is built.

    Raises:
        ValueError: There are more blocks than tensors, or a layer is wider than every tensor.
    """
    encoder = model.encoder
    if sum(encoder.blocks) > len(stored):
        raise ValueError(f"model.encoder.blocks: {sum(encoder.blocks)} blocks, but only {len(stored)} tensors")
    largest = max((size for shape in stored.values() for size in shape), default=0)
    sizes = {
        "encoder.widths": max(encoder.widths, default=0),
        "encoder.latent_dim": encoder.latent_dim,
        "decoder.base_channels": 0 if model.decoder.representation == "se3" else model.decoder.base_channels,
        "decoder.feature_channels": model.decoder.feature_channels,
        "renderer.colour_hidden": model.renderer.colour_hidden,
    }
    for name, size in sizes.items():
        if size > largest:
            raise ValueError(f"model.{name} is {size}, but no tensor is larger than {largest}")


def _check_finite(weights: Mapping[str, Tensor]) -> None:
    """Refuse NaN and infinite weights.

    Raises:
        ValueError: There are some.
    """
    faults = [f"{name} holds NaN or infinite values" for name, value in weights.items() if not value.isfinite().all()]
    if faults:
        raise ValueError(_first(faults))


def _check_shapes(expected: Mapping[str, Shape], stored: Mapping[str, Shape]) -> None:
    """Compare names and shapes of tensors.

    Raises:
        ValueError: They differ; torch's own message has one line per tensor.
    """
    faults = [f"{name} is missing" for name in expected if name not in stored]
    faults += [f"{name} is unknown" for name in stored if name not in expected]
    for name in sorted(expected.keys() & stored.keys()):
        if expected[name] != stored[name]:
            faults.append(f"{name} is {stored[name]} instead of {expected[name]}")
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
