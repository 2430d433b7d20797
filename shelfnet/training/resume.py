"""Progress of an interrupted run: everything that an exact continuation needs."""

import json
import logging
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from shelfnet.networks.checkpoint import cpu_tensors
from shelfnet.provenance import file_digest
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


class DamagedProgressError(ValueError):
    """Saved progress cannot be read; the message names the file."""


def save_progress(folder: Path, state: TrainState, signature: Signature) -> None:
    """Save a state, and keep the one before it in a folder beside it.

    The new state is on the disk, not only in the cache of the operating system, before the older one is given up.
    """
    temporary = partial_path(folder)
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    with complete_file(temporary / TENSORS) as tensors:
        save_file(cpu_tensors(_tensors(state)), tensors)
    plain = {
        "iteration": state.iteration,
        "signature": asdict(signature),
        "history": state.history,
        "tensors_sha256": file_digest(temporary / TENSORS),
    }
    (temporary / STATE).write_text(json.dumps(plain))
    for path in (temporary / TENSORS, temporary / STATE, temporary):
        _flush_to_disk(path)
    if folder.exists():
        shutil.rmtree(_previous(folder), ignore_errors=True)
        folder.rename(_previous(folder))
    publish(temporary, folder)


def load_progress(folder: Path, state: TrainState, signature: Signature, *, is_main: bool = True) -> bool:
    """Bring a fresh state to where an interrupted run with the same signature was.

    Where the last saved state is damaged, the one before it is resumed, or none.

    Args:
        folder: Folder that :func:`save_progress` wrote.
        state: Fresh state of the same networks.
        signature: Signature of the present run.
        is_main: Whether this process warns of damaged progress, and of progress with another signature.

    Returns:
        Whether there was progress to resume.
    """
    for saved in (folder, _previous(folder)):
        if not saved.exists():
            continue
        try:
            plain, tensors = _read(saved)
        except DamagedProgressError as error:
            if is_main:
                log.warning("%s; this progress is not resumed", error)
            continue
        differing = _differing_parts(plain["signature"], signature)
        if not differing:
            _restore(state, plain, tensors)
            return True
        if is_main:
            made, parts = plain["iteration"], ", ".join(differing)
            log.warning("%s: training starts anew, since its %d iterations were made with other %s", saved, made, parts)
        return False
    return False


def remove_progress(folder: Path) -> None:
    """Remove all saved states of a finished run."""
    for saved in (folder, _previous(folder)):
        shutil.rmtree(saved, ignore_errors=True)


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Plain values and tensors of a saved state.

    Raises:
        DamagedProgressError: A file is missing, truncated or altered.
    """
    path = folder / STATE
    try:
        plain = json.loads(path.read_text())
        iteration, _, _, expected = (plain[key] for key in ("iteration", "signature", "history", "tensors_sha256"))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DamagedProgressError(f"{path}: missing or damaged ({type(error).__name__}: {error})") from error
    path = folder / TENSORS
    try:
        if file_digest(path) != expected:
            raise DamagedProgressError(f"{path}: damaged: not the bytes that were saved after {iteration} iterations")
        return plain, load_file(path)
    except (OSError, SafetensorError) as error:
        raise DamagedProgressError(f"{path}: missing or damaged ({error})") from error


def _restore(state: TrainState, plain: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    for name, module in state.modules().items():
        module.load_state_dict(_below(tensors, f"{name}/"))
    for name, optimiser in state.optimisers().items():
        _restore_optimiser(optimiser, _below(tensors, f"{name}_optimiser/"))
    state.rng.set_state(tensors["rng"].cpu())
    lazy_terms = _below(tensors, "last_lazy_terms/")
    state.last_lazy_terms = {name: value.to(state.device) for name, value in lazy_terms.items()}
    state.iteration = plain["iteration"]
    state.history = [tuple(row) for row in plain["history"]]


def _flush_to_disk(path: Path) -> None:
    """Wait until a file, or the list of files of a folder, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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
    """Place of the state before the last one."""
    return folder.with_name(folder.name + ".old")


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
