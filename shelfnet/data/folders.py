"""Folder listings without links, and hard links in place of copies."""

import os
import shutil
from collections.abc import Container
from pathlib import Path


def subfolders(folder: Path) -> dict[str, Path]:
    """Direct subfolders by name, sorted; links are left out."""
    with os.scandir(folder) as entries:
        return {name: folder / name for name in sorted(e.name for e in entries if e.is_dir(follow_symlinks=False))}


def regular_files(folder: Path) -> dict[str, Path]:
    """Regular files directly in a folder by name, sorted; links and devices are left out."""
    with os.scandir(folder) as entries:
        return {name: folder / name for name in sorted(e.name for e in entries if e.is_file(follow_symlinks=False))}


def remove_others(folder: Path, kept: Container[str]) -> None:
    """Remove everything from a folder except the given names."""
    for path in folder.iterdir():
        if path.name not in kept:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def link_or_copy(source: str | Path, destination: str | Path) -> None:
    """Hard-link a file, or copy it if that fails (another file system, another owner)."""
    try:
        os.link(source, destination)
    except OSError:
        shutil.copy2(source, destination)


def link_folder(source: Path, destination: Path) -> None:
    """Hard-link or copy all files of a folder tree; symbolic links and devices are left out."""

    def ignored(folder: str | os.PathLike[str], names: list[str]) -> set[str]:
        return set(names) - subfolders(Path(folder)).keys() - regular_files(Path(folder)).keys()

    shutil.copytree(source, destination, copy_function=link_or_copy, ignore=ignored)
