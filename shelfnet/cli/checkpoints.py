"""Which model is used: the one that is named, else the newest."""

import logging
from pathlib import Path

from shelfnet.cli.errors import UsageError
from shelfnet.config.load import UNTRAINED

log = logging.getLogger(__name__)

DESCRIPTION, WEIGHTS = "model.json", "model.safetensors"


def named_checkpoint(folder: Path) -> Path:
    """The folder of a trained model as it was named on the command line.

    Raises:
        UsageError: no model is there; the message names those that lie near.
    """
    if folder.is_dir() and (folder / DESCRIPTION).is_file():
        return folder
    near = sorted(path.parent for path in folder.glob(f"seed*/{DESCRIPTION}")) if folder.is_dir() else []
    if folder.name in (DESCRIPTION, WEIGHTS):
        near = [folder.parent]
    hint = f"; did you mean {' or '.join(map(str, near))}?" if near else ""
    expected = f"expected a folder with {DESCRIPTION} and {WEIGHTS}"
    raise UsageError(f"--checkpoint {folder}: no checkpoint here; {expected}{hint}")


def newest_checkpoint(results: Path) -> Path:
    """Folder of the trained model below ``results/<ablation>/seed<n>`` that was finished last, which a log line names.

    Raises:
        UsageError: there is none; the message says how to make one.
    """
    found = [path for path in results.glob(f"*/seed*/{DESCRIPTION}") if path.parent.parent.name != UNTRAINED]
    if not found:
        raise UsageError(
            f"no trained model in {results}/*/seed*; name one with --checkpoint, or train one: "
            "snakemake --cores 2 results/base/seed0/model.safetensors"
        )
    newest = max(found, key=lambda path: (path.stat().st_mtime_ns, path)).parent
    log.info("no --checkpoint: %s, the newest of %d trained models in %s", newest, len(found), results)
    return newest
