"""Assembly of the 3D-FUTURE release from archives, extracted models, or a mixture of both."""

import logging
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from shelfnet.data.catalogue.dataset_layout import (
    HOW_TO_GET,
    MODEL_FOLDER,
    OBJ_NAME,
    find_lists,
    find_root,
    folders_with_obj,
    model_folders,
)
from shelfnet.data.catalogue.model_info import LIST_NAME, DatasetError, read_model_info
from shelfnet.data.file_names import folded_name
from shelfnet.data.folders import link_model, remove_others
from shelfnet.data.name_index import NameIndex
from shelfnet.data.shown_names import shown_names
from shelfnet.data.sources.archive_parts import ArchiveContents, extract_part, is_complete, read_contents
from shelfnet.file_tree import subfolders
from shelfnet.provenance import file_digest
from shelfnet.publishing import partial_path, publish

EXTRACTED = "extracted"
ARCHIVE_PREFIX = "zip-"
"""Folders of a staged data set: one for models that were already extracted, and one per archive, named by its digest.
If two have a model of the same name, the first in alphabetical order is used (see
:func:`~shelfnet.data.catalogue.dataset_layout.model_folders`)."""
DIGEST_CHARACTERS = 16

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Release:
    """Parts of a data set to assemble.

    Attributes:
        archives: Zip files to extract.
        lists: ``model_info.json`` files next to them.
        extracted: Model folders on disk by name; they take precedence over those in archives.
        contents: Tables of contents that were already read, by archive.
    """

    archives: tuple[Path, ...]
    lists: tuple[Path, ...] = ()
    extracted: Mapping[str, Path] = field(default_factory=dict)
    contents: Mapping[Path, ArchiveContents] = field(default_factory=dict, compare=False)


def find_release(source: Path) -> Release | None:
    """The parts to assemble, or None if ``source`` is a folder to be used unchanged.

    ``source`` is a zip file, or a folder with zip files in it or in its subfolders. If it also has extracted models, an
    archive is needed only if it contains a listed model that is not among them.

    Raises:
        ArchiveError: An archive that may be needed is damaged or unsafe.
        DatasetError: There are extracted models, but several lists or a broken one.
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
    contents = {archive: read_contents(archive) for archive in archives}
    needed = _needed(contents, extracted, missing)
    if not needed and not (missing and missing & _folded_names(extracted)):
        return None
    others = shown_names(map(str, needed)) or "none"
    log.info("%s: %d models are extracted; archives with other models: %s", source, len(extracted), others)
    return Release(needed, lists, extracted, contents)


def assemble(release: Release, target: Path) -> Path:
    """Assemble the parts into one data set and publish it as ``target``, replacing an earlier one.

    Each archive is extracted into its own folder, which is named by the archive's digest and published separately. An
    interrupted or repeated run therefore extracts only archives that are incomplete both here and in the earlier data
    set. Models that were already extracted are hard-linked, or copied if the file system has no hard links.

    Returns:
        The folder with ``model_info.json``.

    Raises:
        ArchiveError: An archive is damaged or unsafe; archives that were already extracted are kept.
        DatasetError: There is no list or two lists, an archive has no model, or two archives have the same model.
    """
    contents = {archive: release.contents.get(archive) or read_contents(archive) for archive in release.archives}
    archives = _named_by_digest(release.archives)
    _check(release, {archive: contents[archive] for archive in archives.values()})
    temporary = partial_path(target)
    root, earlier = temporary / MODEL_FOLDER, target / MODEL_FOLDER
    root.mkdir(parents=True, exist_ok=True)
    try:
        remove_others(root, archives)
        parts = [_part(name, archive, contents[archive], root, earlier) for name, archive in archives.items()]
        for name, folder in sorted(release.extracted.items()):
            link_model(folder, root / EXTRACTED / name)
        _place_list(release, dict(zip(archives.values(), parts, strict=True)), root)
        for part in parts:
            if part.parent != root:
                part.rename(root / part.name)
        shutil.rmtree(target, ignore_errors=True)
        publish(temporary, target)
    finally:
        with suppress(OSError):  # not empty if a part is kept for the next run
            root.rmdir()
            temporary.rmdir()
    return find_root(target)


def _zip_files(source: Path) -> tuple[Path, ...]:
    """Archives in a folder and its direct subfolders, except model folders."""
    folders = [source, *(path for path in subfolders(source).values() if not (path / OBJ_NAME).is_file())]
    files = (path for folder in folders for path in sorted(folder.iterdir()))
    return tuple(path for path in files if path.suffix.lower() == ".zip" and path.is_file())


def _extracted_models(source: Path) -> dict[str, Path]:
    """Model folders below a folder by name, if their OBJ file is there."""
    return {name: path for name, path in folders_with_obj(source).items() if (path / OBJ_NAME).is_file()}


def _missing(root: Path) -> set[str]:
    """Folded ids of the list without a model folder."""
    infos, _ = read_model_info(root / LIST_NAME)
    folders = NameIndex(model_folders(root).items())
    found = ((info.model_id, folders.find(info.model_id)) for info in infos)
    return {folded_name(model_id) for model_id, path in found if path is None or not (path / OBJ_NAME).is_file()}


def _needed(
    contents: Mapping[Path, ArchiveContents], extracted: Iterable[str], missing: set[str] | None
) -> tuple[Path, ...]:
    """Archives with a missing model; without a list, archives with a list or a model that is not extracted."""
    present = _folded_names(extracted)
    needed = []
    for archive, content in contents.items():
        others = _folded_names(content.models) - present
        if others & missing if missing is not None else others or content.list_path is not None:
            needed.append(archive)
    return tuple(needed)


def _named_by_digest(archives: Iterable[Path]) -> dict[str, Path]:
    """Archives by the names of their folders, without duplicates."""
    named: dict[str, Path] = {}
    for archive in archives:
        first = named.setdefault(ARCHIVE_PREFIX + file_digest(archive)[:DIGEST_CHARACTERS], archive)
        if first != archive:
            log.warning("%s is a copy of %s; ignored", archive, first)
    return named


def _check(release: Release, contents: Mapping[Path, ArchiveContents]) -> None:
    """Refuse archives that do not form a data set, before anything is extracted.

    Raises:
        DatasetError: There is no list, an archive has no model, or two archives have the same model.
    """
    origin: dict[str, Path] = {}
    for archive, content in contents.items():
        if not content.models and content.list_path is None:
            found = _found(content)
            raise DatasetError(f"{archive}: expected {LIST_NAME} or models with {OBJ_NAME} in it, found {found}")
        for name in sorted(content.models.keys() - release.extracted.keys()):
            if origin.setdefault(name, archive) != archive:
                raise DatasetError(f"{archive}: {name} is also in another archive, {origin[name]}")
    if not release.lists and all(content.list_path is None for content in contents.values()):
        where, archives = "in an archive or next to the archives", shown_names(map(str, contents))
        raise DatasetError(f"{archives}: expected {LIST_NAME} {where}, found none. {HOW_TO_GET}.")


def _part(name: str, archive: Path, contents: ArchiveContents, root: Path, earlier: Path) -> Path:
    """The folder of an archive, reused from an interrupted run or the earlier data set, or extracted now."""
    for place in (root / name, earlier / name):
        if place.is_dir() and is_complete(place, contents):
            log.info("%s is already extracted", archive)
            return place
    log.info("extracting %s: %d models", archive, len(contents.models))
    extract_part(archive, contents, root / name)
    return root / name


def _place_list(release: Release, parts: Mapping[Path, Path], root: Path) -> None:
    """Copy the list to ``root``: one on disk takes precedence over those in archives.

    Raises:
        DatasetError: Two lists differ, and there are no extracted models to decide between them.
    """
    inside = {archive: part / LIST_NAME for archive, part in parts.items() if (part / LIST_NAME).is_file()}
    lists = {**{path: path for path in release.lists}, **inside}
    (first, chosen), *others = lists.items()
    for origin, path in others:
        if file_digest(path) == file_digest(chosen):
            continue
        if not release.extracted or not release.lists:
            raise DatasetError(f"{origin}: its {LIST_NAME} differs from that of {first}")
        log.warning("%s: its %s differs from %s, which is used", origin, LIST_NAME, first)
    shutil.copyfile(chosen, root / LIST_NAME)


def _folded_names(names: Iterable[str]) -> set[str]:
    return {folded_name(name) for name in names}


def _found(contents: ArchiveContents) -> str:
    if PurePosixPath(OBJ_NAME) in contents.sizes_bytes:
        return f"{OBJ_NAME} outside of a model folder"
    archives = sorted(path.name for path in contents.sizes_bytes if path.suffix.lower() == ".zip")
    if not archives:
        return "neither"
    return f"archives in the archive ({', '.join(archives[:3])}): extract it and set dataset.path to the folder"
