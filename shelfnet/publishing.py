"""Files and folders that appear under their final name only when they are complete.

They are written next to their final path, and so on the same file system, with the suffix ``.partial``. Only that is
left of a process that is killed, and the next process replaces it.
"""

import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def complete_file(final: Path) -> Iterator[Path]:
    """Yield a temporary path that is renamed to ``final`` at the end, or removed if the block raises.

    The parent folder is created if needed. An existing file stays until it is replaced. The file gets the mode that the
    umask gives to new files, whatever its writer chose: safetensors files are otherwise readable by their owner alone.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary = partial_path(final)
    mode = _mode_of_new_files(temporary)
    try:
        yield temporary
        temporary.chmod(mode)
        publish(temporary, final)
    finally:
        temporary.unlink(missing_ok=True)


def publish_text(final: Path, text: str) -> None:
    """Publish a text file in UTF-8."""
    with complete_file(final) as temporary:
        temporary.write_text(text, encoding="utf-8")


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


def _mode_of_new_files(probe: Path) -> int:
    """Mode of a new file in the folder of ``probe``, which is created for that and removed.

    The umask itself can only be read by changing it, which is unsafe if there are threads.
    """
    probe.unlink(missing_ok=True)
    probe.touch()
    mode = stat.S_IMODE(probe.stat().st_mode)
    probe.unlink()
    return mode
