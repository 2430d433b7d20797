"""Temporary folders; what killed processes left of them is removed at the next start."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

PREFIX, LOCK, CONTENT = "shelfnet-", "in-use.lock", "files"

NEW_S = 60.0
"""Age below which a folder is left alone, since its process may be about to lock it."""


@contextmanager
def temporary_folder(purpose: str) -> Iterator[Path]:
    """Yield an empty folder that is removed at the end, after removing those that killed processes left.

    The operating system releases the lock of a folder when its process ends, however it ends.

    Args:
        purpose: Part of the folder's name.
    """
    remove_leftovers()
    with tempfile.TemporaryDirectory(prefix=f"{PREFIX}{purpose}-", ignore_cleanup_errors=True) as name:
        content = Path(name, CONTENT)
        content.mkdir()
        with FileLock(Path(name, LOCK)):
            yield content


def remove_leftovers() -> None:
    """Remove temporary folders of this user whose process no longer exists."""
    for lock in Path(tempfile.gettempdir()).glob(f"{PREFIX}*/{LOCK}"):
        try:
            is_ours = lock.stat().st_uid == os.getuid()
            if is_ours and time.time() - lock.parent.stat().st_mtime > NEW_S:
                with FileLock(lock).acquire(timeout=0):
                    shutil.rmtree(lock.parent, ignore_errors=True)
        except (OSError, Timeout):  # removed meanwhile, or in use
            continue
