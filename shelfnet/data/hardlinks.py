"""Hard links in place of copies, where the file system allows them."""

import os
import shutil
from pathlib import Path


def link_or_copy(source: str | Path, destination: str | Path) -> None:
    """Hard-link a file, or copy it if that fails (another file system, another owner)."""
    try:
        os.link(source, destination)
    except OSError:
        shutil.copy2(source, destination)


def link_folder(source: Path, destination: Path) -> None:
    """Hard-link or copy all files of a folder tree; symbolic links and devices are left out."""
    shutil.copytree(source, destination, copy_function=link_or_copy, ignore=_links_and_devices)


def _links_and_devices(folder: str | os.PathLike[str], _: list[str]) -> set[str]:
    with os.scandir(folder) as entries:
        return {
            entry.name
            for entry in entries
            if not entry.is_file(follow_symlinks=False) and not entry.is_dir(follow_symlinks=False)
        }
