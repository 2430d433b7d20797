"""Files and folders that appear under their final name only when they are complete.

They are written next to their final path, and so on the same file system, with the suffix ``.partial``. Only that is
left of a process that is killed, and the next process replaces it.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def complete_file(final: Path) -> Iterator[Path]:
    """Yield a temporary path that is renamed to ``final`` at the end, or removed if the block raises.

    The parent folder is created if needed. An existing file stays until it is replaced.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary = partial_path(final)
    try:
        yield temporary
        publish(temporary, final)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def complete_folder(final: Path) -> Iterator[Path]:
    """Yield an empty temporary folder that is renamed to ``final`` at the end, or removed if the block raises.

    An existing folder stays until the block has ended.
    """
    temporary = partial_path(final)
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        shutil.rmtree(final, ignore_errors=True)
        publish(temporary, final)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def partial_path(final: Path) -> Path:
    """Temporary path next to ``final``."""
    return final.with_name(f"{final.name}.partial")


def publish(temporary: Path, final: Path) -> None:
    """Rename a complete file or folder to its final path, replacing an existing file."""
    temporary.replace(final)
