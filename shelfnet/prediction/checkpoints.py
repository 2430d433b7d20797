"""Choice of the trained model: the named one, else the packaged one, else the best one in the results."""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from shelfnet.config.load import UNTRAINED
from shelfnet.file_tree import ALLOW_READING, may_read
from shelfnet.networks.checkpoint import DESCRIPTION, WEIGHTS, CheckpointError
from shelfnet.training.curves import CurvesError, last_validation, read_curves

log = logging.getLogger(__name__)

RESULTS = Path("results")
"""Folder of trained models in the working directory."""

RUNS = ("seed*", "*/seed*")
"""Folders of runs below a folder of an ablation, and below a folder of results."""


def packaged_checkpoint() -> Path | None:
    """Folder of the weights that come with the package; ``None`` in a checkout without them."""
    folder = Path(str(files("shelfnet.weights")))
    return folder if (folder / DESCRIPTION).is_file() and (folder / WEIGHTS).is_file() else None


def find_checkpoint(path: Path | None = None) -> Path:
    """Folder of the model to predict with; logs the choice where there is one.

    Args:
        path: Folder of a model. In a folder of results, or of an ablation in it, the model with the best validation is
            taken. ``None`` takes the packaged weights, or without them the best model in :data:`RESULTS`.

    Raises:
        CheckpointError: There is no model, it may not be read, or validation does not decide among several.
    """
    if path is not None:
        return _named(path)
    packaged = packaged_checkpoint()
    if packaged is None:
        return _best_trained(RESULTS)
    _mention_trained(RESULTS)
    return packaged


def _named(path: Path) -> Path:
    _require_access(path)
    if (path / DESCRIPTION).is_file():
        return path
    runs = trained_runs(path)
    if runs:
        return _log_choice(best_run(path, runs))
    hint = f"; did you mean {path.parent}?" if path.name in (DESCRIPTION, WEIGHTS) else ""
    expected = f"expected a folder with {DESCRIPTION} and {WEIGHTS}, or a folder of results with trained models"
    raise CheckpointError(f"{path}: no checkpoint found, {expected}{hint}")


def _best_trained(results: Path) -> Path:
    runs = trained_runs(results)
    if not runs:
        raise CheckpointError(
            f"this checkout has no packaged weights, and there is no trained model in {results}: pass --checkpoint, or "
            "train one with snakemake --cores 2 results/base/seed0/model.safetensors"
        )
    return _log_choice(best_run(results, runs))


def _mention_trained(results: Path) -> None:
    """Say how to use the best trained model instead of the packaged one, if there are any."""
    try:
        runs = trained_runs(results)
        if runs:
            best = best_run(results, runs)
            log.info("using the packaged weights; --checkpoint %s uses your own: %s", best.folder, best.reason)
    except CheckpointError as error:
        log.info("using the packaged weights; trained models are not considered: %s", error)


def trained_runs(folder: Path) -> list[Path]:
    """Folders of the trained models in a folder of results or of an ablation, without the untrained row.

    Raises:
        CheckpointError: A folder may not be read.
    """
    if not folder.is_dir():
        return []
    for inner in (folder, *folder.glob("*/"), *folder.glob("*/seed*/")):
        _require_access(inner)
    found = [path.parent for runs in RUNS for path in folder.glob(f"{runs}/{DESCRIPTION}")]
    return sorted(run for run in found if run.parent.name != UNTRAINED)


@dataclass(frozen=True)
class BestRun:
    """A trained model and the reason why it is the best one."""

    folder: Path
    reason: str


@dataclass(frozen=True)
class _Criterion:
    """A validation metric that decides between runs."""

    metric: str
    best: Callable[..., tuple[float, Path]]
    superlative: str


CRITERIA = (_Criterion("chamfer", min, "lowest"), _Criterion("mask_iou", max, "highest"))
"""The first metric that any run has decides: masks decide only where no run has been compared with true shapes."""


def best_run(place: Path, runs: Sequence[Path]) -> BestRun:
    """The run whose last validation is the best: lowest ``chamfer``, or without true shapes highest ``mask_iou``.

    Args:
        place: Folder of all runs, for messages.
        runs: Folders of at least one run.

    Raises:
        CheckpointError: There are several runs, and none has validation values.
    """
    if len(runs) == 1:
        return BestRun(runs[0], f"the only trained model in {place}")
    last = {run: _last_validation(run) for run in runs}
    for criterion in CRITERIA:
        values = [(metrics[criterion.metric], run) for run, metrics in last.items() if criterion.metric in metrics]
        if values:
            value, run = criterion.best(values)
            reason = f"{criterion.superlative} validation {criterion.metric} ({value:.4f})"
            return BestRun(run, f"{reason} of {len(runs)} trained models in {place}")
    names = ", ".join(map(str, runs))
    raise CheckpointError(f"{place}: several trained models, but no validation values in them: name one of {names}")


def _last_validation(run: Path) -> dict[str, float]:
    """Finite validation metrics at the last validated iteration; empty if there are none."""
    try:
        metrics = last_validation(read_curves(run))
    except CurvesError as error:
        log.info("not considered: %s", error)
        return {}
    return {name: value for name, value in metrics.items() if math.isfinite(value)}


def _log_choice(best: BestRun) -> Path:
    log.info("using %s: %s", best.folder, best.reason)
    return best.folder


def _require_access(folder: Path) -> None:
    """Refuse an existing folder that this user may not list and enter.

    Raises:
        CheckpointError: The folder is one of these.
    """
    try:
        is_closed = folder.is_dir() and not may_read(folder)
    except PermissionError:  # a folder above it
        is_closed = True
    if is_closed:
        raise CheckpointError(f"{folder}: this user may not read this folder; {ALLOW_READING}")
