"""Checkpoints: tensors as safetensors and plain JSON, never pickles."""

import json
import logging
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from shelfnet.config.networks import ModelSettings
from shelfnet.config.render import RenderSettings
from shelfnet.networks.shelfnet import ShelfNet
from shelfnet.publishing import complete_file, partial_path, publish
from shelfnet.training.learner import Learner

log = logging.getLogger(__name__)


class CheckpointError(ValueError):
    """A checkpoint cannot be used; the message names the file."""


@dataclass(frozen=True)
class Description:
    """What ``model.json`` says of a model, beside the sizes of its networks.

    Attributes:
        ablation: its name.
        iterations: of training.
        render: camera and size of the images that it learned from.
        object_share: of their side, that objects take; none in checkpoints from before it was kept.
    """

    ablation: str
    iterations: int
    render: RenderSettings
    object_share: float | None


def save_model(folder: Path, model: nn.Module, description: dict[str, Any]) -> None:
    """Publish ``model.safetensors`` and ``model.json`` in ``folder``.

    Args:
        folder: of the run; made if needed.
        model: the result.
        description: JSON that says what it is; :func:`load_model` needs its ``model`` and ``render`` settings.
    """
    with complete_file(folder / "model.json") as text, complete_file(folder / "model.safetensors") as weights:
        save_file(_contiguous(model.state_dict()), weights)
        text.write_text(json.dumps(description, indent=2, sort_keys=True))


def read_description(folder: Path) -> Description:
    """What a run says of its model.

    Raises:
        CheckpointError: the file is missing or damaged.
    """
    try:
        tree = json.loads((folder / "model.json").read_text())
        share = tree.get("object_share")
        return Description(
            ablation=str(tree["ablation"]),
            iterations=int(tree["iterations"]),
            render=RenderSettings.model_validate(tree["render"]),
            object_share=None if share is None else float(share),
        )
    except FileNotFoundError as error:
        raise CheckpointError(f"{folder}: no checkpoint here ({error})") from error
    except Exception as error:
        raise CheckpointError(f"{folder}: not a usable checkpoint ({error})") from error


def load_model(folder: Path, device: torch.device | str = "cpu") -> ShelfNet:
    """The trained network of a run, in evaluation mode.

    Raises:
        CheckpointError: a file is missing, damaged or of another network.
    """
    text, weights = folder / "model.json", folder / "model.safetensors"
    try:
        description = json.loads(text.read_text())
        camera = RenderSettings.model_validate(description["render"])
        model = ShelfNet(ModelSettings.model_validate(description["model"]), camera)
        model.load_state_dict(load_file(weights))
    except FileNotFoundError as error:
        raise CheckpointError(f"{folder}: no checkpoint here ({error})") from error
    except Exception as error:
        raise CheckpointError(f"{folder}: not a usable checkpoint ({error})") from error
    return model.to(device).eval().requires_grad_(False)


@dataclass(frozen=True)
class Signature:
    """Digests of all that decides what comes of a run: progress of another signature is not continued.

    Attributes:
        code: of the modules that training needs.
        settings: of what training reads of them, and of the seed.
        data: of what it learns from.
    """

    code: str
    settings: str
    data: str


def save_progress(folder: Path, learner: Learner, signature: Signature) -> None:
    """Keep all that an exact continuation needs; the previous state is replaced only by a complete one."""
    temporary = partial_path(folder)
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    tensors = {"randomness": learner.rng.get_state()}
    tensors |= {f"last_lazy_terms/{name}": value for name, value in learner.last_lazy_terms.items()}
    for name, module in learner.modules().items():
        tensors |= {f"{name}/{key}": value for key, value in module.state_dict().items()}
    for name, optimiser in learner.optimisers().items():
        for index, state in optimiser.state_dict()["state"].items():
            tensors |= {f"{name}_optimiser/{index}/{key}": value for key, value in state.items()}
    save_file(_contiguous(tensors), temporary / "state.safetensors")
    state = {"iteration": learner.iteration, "signature": asdict(signature), "history": learner.history}
    (temporary / "state.json").write_text(json.dumps(state))
    if folder.exists():
        shutil.rmtree(_before(folder), ignore_errors=True)
        folder.rename(_before(folder))
    publish(temporary, folder)
    shutil.rmtree(_before(folder), ignore_errors=True)


def load_progress(folder: Path, learner: Learner, signature: Signature) -> bool:
    """Bring a fresh learner to where an interrupted run of the same signature was; ``False`` where there is none.

    That there is one of another signature, and what differs, is told in a warning.
    """
    if not folder.exists() and _before(folder).exists():  # it was interrupted between the two renames
        _before(folder).rename(folder)
    if not (folder / "state.json").is_file():
        return False
    state = json.loads((folder / "state.json").read_text())
    others = _differing(state["signature"], signature)
    if others:
        if learner.share.leads:
            made, what = state["iteration"], ", ".join(others)
            log.warning("%s: training starts anew, for its %d iterations were made with other %s", folder, made, what)
        return False
    tensors = load_file(folder / "state.safetensors")
    for name, module in learner.modules().items():
        module.load_state_dict(_below(tensors, f"{name}/"))
    for name, optimiser in learner.optimisers().items():
        _restore_optimiser(optimiser, _below(tensors, f"{name}_optimiser/"))
    learner.rng.set_state(tensors["randomness"].cpu())
    learner.last_lazy_terms = {
        name: value.to(learner.device) for name, value in _below(tensors, "last_lazy_terms/").items()
    }
    learner.iteration = state["iteration"]
    learner.history = [tuple(row) for row in state["history"]]
    return True


def _differing(kept: object, signature: Signature) -> list[str]:
    """Parts of a signature that are not as kept; all of them where what is kept is no such signature."""
    parts = kept if isinstance(kept, dict) else {}
    return [name for name, digest in asdict(signature).items() if parts.get(name) != digest]


def _before(folder: Path) -> Path:
    """Where the previous state waits until the next one is in place."""
    return folder.with_name(folder.name + ".old")


def _restore_optimiser(optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    kept: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, key = name.split("/")
        kept.setdefault(int(index), {})[key] = value
    optimiser.load_state_dict({**optimiser.state_dict(), "state": kept})
    for parameter, state in optimiser.state.items():
        for key, value in state.items():
            if key != "step":  # a fused step asks for moments that are laid out as their weights are
                state[key] = torch.empty_like(parameter).copy_(value)


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _contiguous(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().cpu().clone().contiguous() for name, value in tensors.items()}
