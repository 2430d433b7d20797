"""Which model is used where none is named."""

from pathlib import Path

from shelfnet.cli.errors import UsageError
from shelfnet.config.load import UNTRAINED


def newest_checkpoint(results: Path) -> Path:
    """Folder of the trained model below ``results/<ablation>/seed<n>`` that was finished last.

    Raises:
        UsageError: there is none; the message says how to make one.
    """
    found = [path for path in results.glob("*/seed*/model.json") if path.parent.parent.name != UNTRAINED]
    if not found:
        raise UsageError(
            f"no trained model in {results}/*/seed*; name one with --checkpoint, or train one: "
            "snakemake --cores 2 results/base/seed0/model.safetensors"
        )
    return max(found, key=lambda path: (path.stat().st_mtime_ns, path)).parent
