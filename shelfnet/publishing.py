"""Files and folders that appear under their name only when they are complete.

What is written lies beside its final place, and so on the same file system, with ``.partial`` after its name. A process
that is killed leaves no more than that, and the next one replaces it.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def complete_file(final: Path) -> Iterator[Path]:
    """A path to write a file to, renamed to ``final`` at the end; nothing is left of it if the block raises.

    The folder of ``final`` is made if needed. A file that is there stays until the new one takes its place.
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
    """An empty folder to write in, renamed to ``final`` at the end; nothing is left of it if the block raises.

    A folder that is there stays until the block has ended, and goes before the new one takes its name.
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
    """Rename a completely written file or folder to its final name, replacing a file that is there."""
    temporary.replace(final)
