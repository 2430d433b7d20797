"""What every script shares: where a job's words go, and how its settings come back from a rule's params.

A script's ``main`` imports its step itself, so that the log is open before anything heavy, or broken, is imported.
"""

import json
import logging
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

# A conda environment holds the pins, not the package: there it is found here.
sys.path.append(str(Path(__file__).resolve().parents[2]))

from shelfnet.gpus import reserve_gpus

LINE = "%(asctime)s %(name)s: %(message)s"


def run(main: Callable[[Any], None], job: Any) -> None:
    """Run a script's ``main`` on Snakemake's job with its log open and the GPUs that it asks for to itself.

    An error ends the job with one clear line.

    Args:
        main: takes the job; makes one call of a step.
        job: the ``snakemake`` object that Snakemake gives a script.

    Raises:
        SystemExit: ``main`` failed; the log holds the traceback, the terminal the message.
    """
    terminal = _redirect_output(Path(job.log[0]))
    _configure_logging(terminal, label="/".join([job.rule, *map(str, job.wildcards)]))
    try:
        with reserve_gpus(job.resources.get("gpu", 0)):
            main(job)
    except Exception as error:
        traceback.print_exc()
        logging.getLogger("shelfnet").error("%s: %s", type(error).__name__, error)
        raise SystemExit(1) from None


def sections(job: Any, *types: Any) -> list[Any]:
    """Settings as a rule's ``settings_json`` wrote them, read as these Pydantic ``types``, in the same order."""
    return [kind.model_validate(tree) for kind, tree in zip(types, json.loads(job.params.settings), strict=True)]


def paths(files: Any) -> list[Path]:
    """Named files of a job as paths."""
    return [Path(file) for file in files]


def tables(files: Any) -> dict[str, Path]:
    """Tables ``results/<ablation>/chamfer.csv`` by ablation, in their order."""
    return {path.parent.name: path for path in paths(files)}


def journal(job: Any) -> Path:
    """The job's own journal: parallel jobs never write to the same file."""
    return Path("results/journal", "-".join([job.rule, *map(str, job.wildcards)]) + ".jsonl")


def _redirect_output(path: Path) -> Any:
    """Point the process's output at a file and return a stream to where its errors went.

    The descriptors themselves are moved, since Blender and compiled libraries write below Python.
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
    to_terminal.setFormatter(logging.Formatter(f"[{label}] %(message)s"))
    to_terminal.addFilter(logging.Filter("shelfnet"))
    logging.basicConfig(level=logging.INFO, handlers=[to_file, to_terminal])
    logging.captureWarnings(True)
