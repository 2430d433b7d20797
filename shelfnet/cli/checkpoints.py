"""Choice of the checkpoint: the named one, else the newest."""

import logging
from pathlib import Path

from shelfnet.cli.errors import UsageError
from shelfnet.config.load import UNTRAINED
from shelfnet.file_tree import ALLOW_READING, may_read

log = logging.getLogger(__name__)

DESCRIPTION, WEIGHTS = "model.json", "model.safetensors"


def named_checkpoint(folder: Path) -> Path:
    """Check the folder given on the command line.

    Raises:
        UsageError: The folder holds no checkpoint or may not be read; the message suggests nearby checkpoints.
    """
    _require_access(folder, f"--checkpoint {folder}")
    if (folder / DESCRIPTION).is_file():
        return folder
    near = sorted(path.parent for path in folder.glob(f"seed*/{DESCRIPTION}")) if folder.is_dir() else []
    if folder.name in (DESCRIPTION, WEIGHTS):
        near = [folder.parent]
    hint = f"; did you mean {' or '.join(map(str, near))}?" if near else ""
    expected = f"expected a folder with {DESCRIPTION} and {WEIGHTS}"
    raise UsageError(f"--checkpoint {folder}: no checkpoint found, {expected}{hint}")


def newest_checkpoint(results: Path) -> Path:
    """Most recently written checkpoint ``<ablation>/seed<n>`` below ``results``; logs which one it is.

    Raises:
        UsageError: There is none; the message says how to train one.
    """
    for folder in (results, *results.glob("*/"), *results.glob("*/seed*/")):
        _require_access(folder, "no --checkpoint given")
    found = [path for path in results.glob(f"*/seed*/{DESCRIPTION}") if path.parent.parent.name != UNTRAINED]
    if not found:
        raise UsageError(
            f"no trained model in {results}/*/seed*: pass --checkpoint, or train one with "
            "snakemake --cores 2 results/base/seed0/model.safetensors"
        )
    newest = max(found, key=lambda path: (path.stat().st_mtime_ns, path)).parent
    log.info("no --checkpoint given: using %s, the newest of %d trained models in %s", newest, len(found), results)
    return newest


def _require_access(folder: Path, option: str) -> None:
    """Refuse an existing folder that this user may not list and enter.

    Raises:
        UsageError: The folder is one of these; ``option`` begins the message.
    """
    try:
        is_closed = folder.is_dir() and not may_read(folder)
    except PermissionError:  # a folder above it
        is_closed = True
    if is_closed:
        raise UsageError(f"{option}: this user may not read {folder}; {ALLOW_READING}")
