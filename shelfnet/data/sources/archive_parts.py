"""One archive of the 3D-FUTURE release as a folder of models: what it holds, and extraction that is done once."""

import shutil
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from shelfnet.data.archives import DEFAULT_LIMITS, Limits, extract_zip, list_zip
from shelfnet.data.catalogue.dataset_layout import OBJ_NAME
from shelfnet.data.catalogue.model_info import FILE_NAME
from shelfnet.publishing import publish

UNFINISHED = ".unfinished"


@dataclass(frozen=True)
class ArchiveContent:
    """What an archive holds, by its table of contents; paths are those in the archive.

    Attributes:
        sizes_bytes: size of every file.
        models: the folder of each model, by the model's name; of several with one name the least deep counts.
        list_path: the list of models, the least deep one.
    """

    sizes_bytes: Mapping[PurePosixPath, int]
    models: Mapping[str, PurePosixPath]
    list_path: PurePosixPath | None


def read_content(archive: Path, limits: Limits = DEFAULT_LIMITS) -> ArchiveContent:
    """Judge an archive, and find the models in it, however they are wrapped in folders.

    Raises:
        ArchiveError: the archive is damaged or tries to harm.
    """
    sizes = list_zip(archive, limits)
    folders = {path.parent for path in sizes if path.name == OBJ_NAME and path.parent.name}
    models: dict[str, PurePosixPath] = {}
    for folder in sorted(folders, key=_depth):
        if folders.isdisjoint(folder.parents):  # a model is no part of another one
            models.setdefault(folder.name, folder)
    lists = sorted((path for path in sizes if path.name == FILE_NAME), key=_depth)
    return ArchiveContent(sizes, models, lists[0] if lists else None)


def extract_part(archive: Path, content: ArchiveContent, part: Path, limits: Limits = DEFAULT_LIMITS) -> None:
    """Extract an archive and publish its models, side by side, and its list as the folder ``part``.

    Raises:
        ArchiveError: the archive is damaged or tries to harm; nothing is published.
    """
    unfinished = part.with_name(UNFINISHED)
    for folder in (unfinished, part):
        shutil.rmtree(folder, ignore_errors=True)
    whole, models = unfinished / "archive", unfinished / "models"
    try:
        models.mkdir(parents=True)
        extract_zip(archive, whole, limits)
        for name, folder in content.models.items():
            (whole / folder).rename(models / name)
        if content.list_path is not None:
            (whole / content.list_path).rename(models / FILE_NAME)
        publish(models, part)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def is_whole(part: Path, content: ArchiveContent) -> bool:
    """Whether a folder holds, at its size, every file that :func:`extract_part` puts there."""
    return all(_has_size(part / place, content.sizes_bytes[path]) for path, place in _places(content).items())


def _places(content: ArchiveContent) -> dict[PurePosixPath, PurePosixPath]:
    """Where in a part the files of an archive end up; those of no model do not."""
    names = {folder: name for name, folder in content.models.items()}
    places = {
        path: PurePosixPath(names[folder]) / path.relative_to(folder)
        for path in content.sizes_bytes
        for folder in path.parents
        if folder in names
    }
    if content.list_path is not None:
        places[content.list_path] = PurePosixPath(FILE_NAME)
    return places


def _has_size(path: Path, size_bytes: int) -> bool:
    try:
        status = path.lstat()
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_size == size_bytes


def _depth(path: PurePosixPath) -> tuple[int, PurePosixPath]:
    return len(path.parts), path
