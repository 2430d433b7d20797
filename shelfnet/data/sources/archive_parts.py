"""One archive of the 3D-FUTURE release: its contents, and its extraction as a folder of models."""

import shutil
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from shelfnet.data.archives import extract_zip, list_zip
from shelfnet.data.catalogue.dataset_layout import OBJ_NAME
from shelfnet.data.catalogue.model_info import LIST_NAME
from shelfnet.publishing import publish

UNFINISHED = ".unfinished"


@dataclass(frozen=True)
class ArchiveContents:
    """Contents of an archive by its table of contents; paths are those in the archive.

    Attributes:
        sizes_bytes: Size of every file.
        models: Folder of each model by the model's name; the least deep of several with the same name.
        list_path: The list of models; the least deep of several.
    """

    sizes_bytes: Mapping[PurePosixPath, int]
    models: Mapping[str, PurePosixPath]
    list_path: PurePosixPath | None


def read_contents(archive: Path) -> ArchiveContents:
    """Check an archive and find the models in it at any depth.

    Raises:
        ArchiveError: The archive is damaged or unsafe.
    """
    sizes = list_zip(archive)
    folders = {path.parent for path in sizes if path.name == OBJ_NAME and path.parent.name}
    models: dict[str, PurePosixPath] = {}
    for folder in sorted(folders, key=_depth):
        if folders.isdisjoint(folder.parents):  # models are not nested
            models.setdefault(folder.name, folder)
    lists = sorted((path for path in sizes if path.name == LIST_NAME), key=_depth)
    return ArchiveContents(sizes, models, lists[0] if lists else None)


def extract_part(archive: Path, contents: ArchiveContents, part: Path) -> None:
    """Extract an archive and publish its models, all at the top level, and its list as the folder ``part``.

    Raises:
        ArchiveError: The archive is damaged or unsafe; nothing is published.
    """
    unfinished = part.with_name(UNFINISHED)
    for folder in (unfinished, part):
        shutil.rmtree(folder, ignore_errors=True)
    whole, models = unfinished / "archive", unfinished / "models"
    try:
        models.mkdir(parents=True)
        extract_zip(archive, whole)
        for name, folder in contents.models.items():
            (whole / folder).rename(models / name)
        if contents.list_path is not None:
            (whole / contents.list_path).rename(models / LIST_NAME)
        publish(models, part)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def is_complete(part: Path, contents: ArchiveContents) -> bool:
    """Whether a folder holds every file of :func:`extract_part` at its size."""
    return all(_has_size(part / place, contents.sizes_bytes[path]) for path, place in _places(contents).items())


def _places(contents: ArchiveContents) -> dict[PurePosixPath, PurePosixPath]:
    """Path in the part, by path in the archive, of every file that belongs to a model or is the list."""
    names = {folder: name for name, folder in contents.models.items()}
    places = {
        path: PurePosixPath(names[folder]) / path.relative_to(folder)
        for path in contents.sizes_bytes
        for folder in path.parents
        if folder in names
    }
    if contents.list_path is not None:
        places[contents.list_path] = PurePosixPath(LIST_NAME)
    return places


def _has_size(path: Path, size_bytes: int) -> bool:
    try:
        status = path.lstat()
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_size == size_bytes


def _depth(path: PurePosixPath) -> tuple[int, PurePosixPath]:
    return len(path.parts), path
