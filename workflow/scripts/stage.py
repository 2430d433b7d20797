"""Shared helpers of the workflow scripts: logging, settings and paths of a job.

A script imports its step inside ``main``, so that the log is open before a slow or failing import.
"""

import json
import logging
import os
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

# Conda environments hold only the dependencies; the package is imported from the repository.
sys.path.append(str(Path(__file__).resolve().parents[2]))

from shelfnet.data.shown_names import PrintableFormatter
from shelfnet.full_disk import full_disk_text
from shelfnet.gpus import reserve_gpus
from shelfnet.tracking.job_status import SUFFIX, job_status

LINE = "%(asctime)s %(name)s: %(message)s"

MLFLOW_RUNS = {
    "train_clip": "clip",
    "discover_views": "discovery",
    **dict.fromkeys(("evaluate_baselines", "evaluate_sphere"), "baselines"),
    **dict.fromkeys(
        ("collect_rows", "measure_memory", "compare", "draw_figures", "draw_reconstructions", "write_report"),
        "comparison",
    ),
}
"""MLflow run of each rule that belongs neither to a seed of an ablation nor to the run ``data``."""


def run(main: Callable[[Any], None], job: Any) -> None:
    """Run a script's ``main`` with output redirected to the job's log and with the requested GPUs reserved.

    Args:
        main: Function that calls a step with the job's parameters.
        job: The ``snakemake`` object of the script.

    Raises:
        SystemExit: ``main`` failed. The terminal shows the message, the log also the traceback.
    """
    terminal = _redirect_output(Path(job.log[0]))
    _configure_logging(terminal, label="/".join([job.rule, *map(str, job.wildcards)]))
    try:
        with job_status(journal(job).with_suffix(SUFFIX), mlflow_run(job)), reserve_gpus(job.resources.get("gpu", 0)):
            main(job)
    except Exception as error:
        full = full_disk_text(error)
        logging.getLogger("shelfnet").error("%s: %s", type(error).__name__, error if full is None else full)
        with suppress(OSError):  # the disk of the log may be full
            traceback.print_exc()
        raise SystemExit(1) from None


def sections(job: Any, *types: Any) -> list[Any]:
    """Parse the rule's ``settings_json`` param as the given Pydantic types, in the same order."""
    return [kind.model_validate(tree) for kind, tree in zip(types, json.loads(job.params.settings), strict=True)]


def paths(files: Any) -> list[Path]:
    """Files of a job as paths."""
    return [Path(file) for file in files]


def tables(files: Any) -> dict[str, Path]:
    """Tables ``results/<ablation>/chamfer.csv`` by ablation, in the given order."""
    return {path.parent.name: path for path in paths(files)}


def journal(job: Any) -> Path:
    """Journal of the job; every job has its own, so that parallel jobs never share a file."""
    return Path("results/journal", "-".join([job.rule, *map(str, job.wildcards)]) + ".jsonl")


def mlflow_run(job: Any) -> str:
    """Name of the MLflow run to which the job contributes."""
    if len(job.wildcards) >= 2:  # ablation and seed come first
        return f"{job.wildcards[0]}/seed{job.wildcards[1]}"
    return MLFLOW_RUNS.get(job.rule, "data")


def _redirect_output(path: Path) -> Any:
    """Redirect standard output and error to a file and return a stream to the original standard error.

    File descriptors are redirected, because Blender and compiled libraries bypass ``sys.stdout``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    terminal = os.fdopen(os.dup(2), "w", buffering=1)
    with path.open("wb", buffering=0) as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    sys.stdout.reconfigure(line_buffering=True)
    return terminal


def _configure_logging(terminal: Any, label: str) -> None:
    to_file, to_terminal = logging.StreamHandler(sys.stderr), logging.StreamHandler(terminal)
    to_file.setFormatter(logging.Formatter(LINE))
    to_terminal.setFormatter(PrintableFormatter(f"[{label}] %(message)s"))
    to_terminal.addFilter(logging.Filter("shelfnet"))
    logging.basicConfig(level=logging.INFO, handlers=[to_terminal, to_file])
    logging.raiseExceptions = False  # a full disk must not end a job because of its log
    logging.captureWarnings(True)
