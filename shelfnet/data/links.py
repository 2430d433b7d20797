"""Files in two places that take the room of one, where the file system can do that."""

import os
import shutil
from pathlib import Path


def link_or_copy(source: str | Path, destination: str | Path) -> None:
    """Give a file a second name; where that cannot be (another file system, another owner), copy it."""
    try:
        os.link(source, destination)
    except OSError:
        shutil.copy2(source, destination)


def link_folder(source: Path, destination: Path) -> None:
    """Give a folder's files and those below it second names; symbolic links and devices are left out."""
    shutil.copytree(source, destination, copy_function=link_or_copy, ignore=_neither_files_nor_folders)


def _neither_files_nor_folders(folder: str | os.PathLike[str], _: list[str]) -> set[str]:
    with os.scandir(folder) as entries:
        return {
            entry.name
            for entry in entries
            if not entry.is_file(follow_symlinks=False) and not entry.is_dir(follow_symlinks=False)
        }
