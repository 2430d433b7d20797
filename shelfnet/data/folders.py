"""Files of a model's folder, and hard links in place of copies."""

import os
import shutil
from collections.abc import Container
from functools import cached_property
from pathlib import Path

from shelfnet.file_tree import files_in

REFERRING_SUFFIXES = frozenset((".glb", ".obj", ".ply"))
"""Model formats whose files may refer to others beside them. Such a file may be a link to any place."""


class Confinement:
    """Decides which files a model may refer to: those that are inside its folder after links are followed.

    If a model file of the folder is a link, files beside its target are admitted as well, through links in the folder.
    Models whose files are all links into one store, such as the cache of a hub, are therefore whole.

    Args:
        folder: Folder of the model.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def admits(self, path: Path) -> bool:
        """Whether a model may refer to an existing file or folder.

        Raises:
            OSError: There is no such file, or a link leads back to itself (RuntimeError before Python 3.13).
        """
        target = path.resolve(strict=True)
        return target.is_relative_to(self._folder.resolve(strict=True)) or target.parent in self._stores

    @cached_property
    def _stores(self) -> set[Path]:
        """Folders of the targets of linked model files."""
        linked = (path for path in files_in(self._folder).values() if path.is_symlink())
        return {path.resolve().parent for path in linked if _is_model_file(path)}


def model_files(folder: Path) -> dict[str, Path]:
    """Files directly in the folder of a model by name, sorted, without links that a model may not refer to."""
    confinement = Confinement(folder)
    return {name: path for name, path in files_in(folder).items() if _is_model_file(path) or confinement.admits(path)}


def remove_others(folder: Path, kept: Container[str]) -> None:
    """Remove everything from a folder except the given names."""
    for path in folder.iterdir():
        if path.name not in kept:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def link_or_copy(source: str | Path, destination: str | Path) -> None:
    """Hard-link a file, or copy it if that fails (another file system, another owner); a link gives its target."""
    target = os.path.realpath(source)
    try:
        os.link(target, destination)
    except OSError:
        shutil.copy2(target, destination)


def link_model(source: Path, destination: Path) -> None:
    """Hard-link or copy the files of a model's folder and its subfolders; see :class:`Confinement`.

    Args:
        source: Folder of the model.
        destination: Folder to create.
    """
    confinement = Confinement(source)
    for place, _, _ in os.walk(source):
        folder = destination / Path(place).relative_to(source)
        folder.mkdir(parents=True)
        for name, path in files_in(Path(place)).items():
            if (_is_model_file(path) and path.parent == source) or confinement.admits(path):
                link_or_copy(path, folder / name)


def _is_model_file(path: Path) -> bool:
    return path.suffix.lower() in REFERRING_SUFFIXES
