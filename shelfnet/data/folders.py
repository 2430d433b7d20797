"""Files of a model's folder, and hard links in place of copies."""

import os
import shutil
from collections.abc import Container
from pathlib import Path

from shelfnet.file_tree import files_in


def model_files(folder: Path, main: str) -> dict[str, Path]:
    """Files directly in the folder of a model by name, sorted.

    Links are confined: they may lead to a file inside the folder or, if the main file is a link, to a file beside its
    target. This admits models whose files are all links into one store, such as the cache of a hub.

    Args:
        folder: Folder of the model.
        main: Name of the main file, which may lead anywhere.
    """
    store = _store(folder / main)
    return {name: path for name, path in files_in(folder).items() if name == main or _is_confined(path, folder, store)}


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


def link_model(source: Path, destination: Path, main: str) -> None:
    """Hard-link or copy the files of a model and of its subfolders, except devices and links that are not confined.

    Args:
        source: Folder of the model.
        destination: Folder to create.
        main: Name of the main file; see :func:`model_files`.
    """
    store = _store(source / main)
    for place, _, _ in os.walk(source):
        folder = destination / Path(place).relative_to(source)
        folder.mkdir(parents=True)
        for name, path in files_in(Path(place)).items():
            if path == source / main or _is_confined(path, source, store):
                link_or_copy(path, folder / name)


def _store(main: Path) -> Path | None:
    """Folder of the file that a link leads to; ``None`` if ``main`` is no usable link."""
    return main.resolve().parent if main.is_symlink() and main.is_file() else None


def _is_confined(path: Path, folder: Path, store: Path | None) -> bool:
    if not path.is_symlink():
        return True
    target = path.resolve()
    return target.is_relative_to(folder.resolve()) or target.parent == store
