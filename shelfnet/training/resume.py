"""Progress of an interrupted run: everything that an exact continuation needs."""

import json
import logging
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from shelfnet.networks.checkpoint import cpu_tensors
from shelfnet.publishing import complete_file, partial_path, publish
from shelfnet.training.state import TrainState

log = logging.getLogger(__name__)

TENSORS, STATE = "state.safetensors", "state.json"


@dataclass(frozen=True)
class Signature:
    """Digests of everything that decides the result of a run. Progress with another signature is not resumed.

    Attributes:
        code: Digest of the modules that training imports.
        settings: Digest of the settings that training reads, and of the seed.
        data: Digest of the training data.
    """

    code: str
    settings: str
    data: str


def save_progress(folder: Path, state: TrainState, signature: Signature) -> None:
    """Save a state; the previous one is replaced only by a complete new one."""
    temporary = partial_path(folder)
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    with complete_file(temporary / TENSORS) as tensors:
        save_file(cpu_tensors(_tensors(state)), tensors)
    plain = {"iteration": state.iteration, "signature": asdict(signature), "history": state.history}
    (temporary / STATE).write_text(json.dumps(plain))
    if folder.exists():
        shutil.rmtree(_previous(folder), ignore_errors=True)
        folder.rename(_previous(folder))
    publish(temporary, folder)
    shutil.rmtree(_previous(folder), ignore_errors=True)


def load_progress(folder: Path, state: TrainState, signature: Signature, *, is_main: bool = True) -> bool:
    """Bring a fresh state to where an interrupted run with the same signature was.

    Args:
        folder: Folder that :func:`save_progress` wrote.
        state: Fresh state of the same networks.
        signature: Signature of the present run.
        is_main: Whether this process warns where there is progress with another signature.

    Returns:
        Whether there was progress to resume.
    """
    if not folder.exists() and _previous(folder).exists():  # saving was interrupted between the two renames
        with suppress(FileNotFoundError):  # another process of the run was faster
            _previous(folder).rename(folder)
    if not (folder / STATE).is_file():
        return False
    plain = json.loads((folder / STATE).read_text())
    differing = _differing_parts(plain["signature"], signature)
    if differing:
        if is_main:
            made, parts = plain["iteration"], ", ".join(differing)
            log.warning(
                "%s: training starts anew, since its %d iterations were made with other %s", folder, made, parts
            )
        return False
    tensors = load_file(folder / TENSORS)
    for name, module in state.modules().items():
        module.load_state_dict(_below(tensors, f"{name}/"))
    for name, optimiser in state.optimisers().items():
        _restore_optimiser(optimiser, _below(tensors, f"{name}_optimiser/"))
    state.rng.set_state(tensors["rng"].cpu())
    lazy_terms = _below(tensors, "last_lazy_terms/")
    state.last_lazy_terms = {name: value.to(state.device) for name, value in lazy_terms.items()}
    state.iteration = plain["iteration"]
    state.history = [tuple(row) for row in plain["history"]]
    return True


def _tensors(state: TrainState) -> dict[str, Tensor]:
    """All tensors of a state by name."""
    tensors = {"rng": state.rng.get_state()}
    tensors |= {f"last_lazy_terms/{name}": value for name, value in state.last_lazy_terms.items()}
    for name, module in state.modules().items():
        tensors |= {f"{name}/{key}": value for key, value in module.state_dict().items()}
    for name, optimiser in state.optimisers().items():
        for index, moments in optimiser.state_dict()["state"].items():
            tensors |= {f"{name}_optimiser/{index}/{key}": value for key, value in moments.items()}
    return tensors


def _restore_optimiser(optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    saved: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, key = name.split("/")
        saved.setdefault(int(index), {})[key] = value
    optimiser.load_state_dict({**optimiser.state_dict(), "state": saved})
    for parameter, moments in optimiser.state.items():
        for key, value in moments.items():
            if key != "step":  # a fused step needs moments in the memory layout of their weights
                moments[key] = torch.empty_like(parameter).copy_(value)


def _differing_parts(saved: object, signature: Signature) -> list[str]:
    """Parts of a signature that differ from the saved one; all parts where what was saved is no signature."""
    parts = saved if isinstance(saved, dict) else {}
    return [name for name, digest in asdict(signature).items() if parts.get(name) != digest]


def _previous(folder: Path) -> Path:
    """Place of the previous state until the next one is complete."""
    return folder.with_name(folder.name + ".old")


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
