"""The 3D-FUTURE release as people have it (archives, models extracted already, or some of both), brought together."""

import logging
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from shelfnet.data.archives import DEFAULT_LIMITS, Limits
from shelfnet.data.catalogue.dataset_layout import (
    HOW_TO_GET,
    MAX_DEPTH,
    MODEL_FOLDER,
    OBJ_NAME,
    FolderIndex,
    find_lists,
    find_root,
    model_folders,
    subfolders,
)
from shelfnet.data.catalogue.model_info import FILE_NAME, DatasetError, read_model_info
from shelfnet.data.hardlinks import link_folder
from shelfnet.data.sources.archive_parts import ArchiveContent, extract_part, is_whole, read_content
from shelfnet.provenance import file_digest
from shelfnet.publishing import partial_path, publish

EXTRACTED = "extracted"
ARCHIVE_PREFIX = "zip-"
"""Folders of a staged data set: of models that were extracted before, and of each archive, by its digest. The order of
the names says what counts where two have a model of one name, see
:func:`~shelfnet.data.catalogue.dataset_layout.model_folders`."""
DIGEST_CHARACTERS = 16
SHOWN_NAMES = 5

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Release:
    """Parts of a data set that are to be brought together.

    Attributes:
        archives: zip files to extract.
        lists: ``model_info.json`` files beside them.
        extracted: folders of models that are on disk already, by name; they count before those of archives.
    """

    archives: tuple[Path, ...]
    lists: tuple[Path, ...] = ()
    extracted: Mapping[str, Path] = field(default_factory=dict)


def find_release(source: Path) -> Release | None:
    """What is to be brought together, or None where ``source`` is a folder to be used as it is.

    ``source`` is one zip file, or a folder with zip files in it or in its folders. Where models lie there extracted, an
    archive counts if it brings one that the list names and that is not among them.

    Raises:
        ArchiveError: an archive that may be needed is damaged or tries to harm.
        DatasetError: there are extracted models, and no list, several, or a broken one.
    """
    if source.is_file():
        return Release((source,))
    archives = _zip_files(source)
    if not archives:
        return None
    extracted, lists = _extracted_models(source), tuple(find_lists(source))
    if not extracted:
        return Release(archives, lists)
    missing = _missing(find_root(source)) if lists else None
    if missing is not None and not missing:
        return None
    needed = _needed(archives, extracted, missing)
    if not needed and not (missing and missing & _folded(extracted)):
        return None
    logger.info("%s: %d models are extracted; archives with others: %s", source, len(extracted), _shown(needed))
    return Release(needed, lists, extracted)


def assemble(release: Release, target: Path, limits: Limits = DEFAULT_LIMITS) -> Path:
    """Bring the parts together in one data set and publish it as ``target``, replacing an earlier one.

    Every archive becomes a folder of its own, which is published by itself and named after the archive's digest: a run
    that was interrupted, or comes again, extracts only what is not there whole, here or in the earlier data set.
    Models that were extracted before are linked, or copied where the file system cannot link.

    Returns:
        The folder that holds ``model_info.json``.

    Raises:
        ArchiveError: an archive is damaged or tries to harm; what was extracted of the others is kept.
        DatasetError: there is no list, there are two, an archive holds no model, or two hold the same one.
    """
    contents = {archive: read_content(archive, limits) for archive in release.archives}
    archives = _named_by_digest(release.archives)
    _check(release, {archive: contents[archive] for archive in archives.values()})
    temporary = partial_path(target)
    root, earlier = temporary / MODEL_FOLDER, target / MODEL_FOLDER
    root.mkdir(parents=True, exist_ok=True)
    try:
        _remove_others(root, archives)
        parts = [_part(name, archive, contents[archive], root, earlier, limits) for name, archive in archives.items()]
        for name, folder in sorted(release.extracted.items()):
            link_folder(folder, root / EXTRACTED / name)
        _place_list(release, dict(zip(archives.values(), parts, strict=True)), root)
        for part in parts:
            if part.parent != root:
                part.rename(root / part.name)
        shutil.rmtree(target, ignore_errors=True)
        publish(temporary, target)
    finally:
        with suppress(OSError):  # where a part is kept for the next run
            root.rmdir()
            temporary.rmdir()
    return find_root(target)


def _zip_files(source: Path) -> tuple[Path, ...]:
    """Archives in a folder and right below it, but for those that lie among the files of a model."""
    folders = [source, *(path for _, path in sorted(subfolders(source).items()) if not (path / OBJ_NAME).is_file())]
    files = (path for folder in folders for path in sorted(folder.iterdir()))
    return tuple(path for path in files if path.suffix.lower() == ".zip" and path.is_file())


def _extracted_models(source: Path) -> dict[str, Path]:
    """Folders of models below a folder, by name; of several with one name the least deep counts."""
    models: dict[str, Path] = {}
    level = [source]
    for _ in range(MAX_DEPTH + 1):
        below = [path for folder in level for _, path in sorted(subfolders(folder).items())]
        level = []
        for path in below:
            if (path / OBJ_NAME).is_file():
                models.setdefault(path.name, path)
            else:
                level.append(path)
    return models


def _missing(root: Path) -> set[str]:
    """Folded ids that the list names and that have no folder with a model."""
    infos, _ = read_model_info(root / FILE_NAME)
    folders = FolderIndex(model_folders(root))
    found = ((info.model_id, folders.find(info.model_id)) for info in infos)
    return {model_id.casefold() for model_id, path in found if path is None or not (path / OBJ_NAME).is_file()}


def _needed(archives: Iterable[Path], extracted: Iterable[str], missing: set[str] | None) -> tuple[Path, ...]:
    """Archives with a model that is missing; where no list says so, with a list or a model that is not extracted."""
    present = _folded(extracted)
    needed = []
    for archive in archives:
        content = read_content(archive)
        others = _folded(content.models) - present
        if others & missing if missing is not None else others or content.list_path is not None:
            needed.append(archive)
    return tuple(needed)


def _named_by_digest(archives: Iterable[Path]) -> dict[str, Path]:
    """Archives by the names of their folders; one that is there twice counts once."""
    named: dict[str, Path] = {}
    for archive in archives:
        first = named.setdefault(ARCHIVE_PREFIX + file_digest(archive)[:DIGEST_CHARACTERS], archive)
        if first != archive:
            logger.warning("%s is the same file as %s; it counts once", archive, first)
    return named


def _check(release: Release, contents: Mapping[Path, ArchiveContent]) -> None:
    """Refuse, before anything is extracted, archives that make no data set together.

    Raises:
        DatasetError: there is no list, an archive holds no model, or two hold the same one.
    """
    origin: dict[str, Path] = {}
    for archive, content in contents.items():
        if not content.models and content.list_path is None:
            found = _found(content)
            raise DatasetError(f"{archive}: expected {FILE_NAME} or models with {OBJ_NAME} in it, found {found}")
        for name in sorted(content.models.keys() - release.extracted.keys()):
            if origin.setdefault(name, archive) != archive:
                raise DatasetError(f"{archive}: {name} is also in another archive, {origin[name]}")
    if not release.lists and all(content.list_path is None for content in contents.values()):
        where = "in an archive, or beside them in the folder that is named"
        raise DatasetError(f"{_shown(contents)}: expected {FILE_NAME} {where}, found none. {HOW_TO_GET}.")


def _part(name: str, archive: Path, content: ArchiveContent, root: Path, earlier: Path, limits: Limits) -> Path:
    """The folder of an archive: what an interrupted run or the earlier data set has, else extracted now."""
    for place in (root / name, earlier / name):
        if place.is_dir() and is_whole(place, content):
            logger.info("%s is extracted already", archive)
            return place
    logger.info("extracting %s: %d models", archive, len(content.models))
    extract_part(archive, content, root / name, limits)
    return root / name


def _place_list(release: Release, parts: Mapping[Path, Path], root: Path) -> None:
    """Bring the list to ``root``: one on disk before those of archives.

    Raises:
        DatasetError: two lists differ, and no extracted models say which of them is meant.
    """
    inside = {archive: part / FILE_NAME for archive, part in parts.items() if (part / FILE_NAME).is_file()}
    lists = {**{path: path for path in release.lists}, **inside}
    (first, chosen), *others = lists.items()
    for origin, path in others:
        if file_digest(path) == file_digest(chosen):
            continue
        if not release.extracted or not release.lists:
            raise DatasetError(f"{origin}: its {FILE_NAME} differs from that of {first}")
        logger.warning("%s: its %s differs from %s, which counts", origin, FILE_NAME, first)
    shutil.copyfile(chosen, root / FILE_NAME)


def _remove_others(root: Path, kept: Iterable[str]) -> None:
    for path in root.iterdir():
        if path.name not in kept:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def _folded(names: Iterable[str]) -> set[str]:
    return {name.casefold() for name in names}


def _shown(archives: Iterable[Path]) -> str:
    names = [str(path) for path in archives]
    more = f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
    return ", ".join(names[:SHOWN_NAMES]) + more or "none"


def _found(content: ArchiveContent) -> str:
    if PurePosixPath(OBJ_NAME) in content.sizes_bytes:
        return f"{OBJ_NAME} in no folder that names its model"
    archives = sorted(path.name for path in content.sizes_bytes if path.suffix.lower() == ".zip")
    if not archives:
        return "neither"
    return f"archives in the archive ({', '.join(archives[:3])}): extract it, and name the folder with these"
