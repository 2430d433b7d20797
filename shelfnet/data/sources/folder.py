"""A folder of models in any mixture of formats, with or without a table of tags."""

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from shelfnet.data.catalogue.model_info import DatasetError, ModelInfo
from shelfnet.data.catalogue.quarantine import Quarantined
from shelfnet.data.importers.convert import SUFFIXES
from shelfnet.data.importers.staging import STAGE, FetchFn, ImportedModel
from shelfnet.data.sources.folder_tags import read_folder_tags

OTHER_SUFFIXES = frozenset(
    (".3ds", ".3mf", ".abc", ".blend", ".dae", ".fbx", ".gltf", ".max", ".off", ".skp", ".usd", ".usda", ".usdc")
) | {".usdz", ".wrl", ".x3d"}
"""Formats of models that are not read: such files are told in the quarantine, all others are passed by."""
MAX_FILES = 1_000_000
MAX_DEPTH = 32
SLUG_CHARACTERS = 48
DIGEST_CHARACTERS = 12


def find_models(root: Path, tags: Path | None) -> tuple[list[ImportedModel], list[Quarantined]]:
    """The models below a folder, sorted by path, and the files in formats that cannot be read.

    Hidden files and folders are passed by, links are not followed.

    Raises:
        DatasetError: no folder, no models in it, too many files, or the table of tags cannot be read.
    """
    if not root.is_dir():
        raise DatasetError(f"{root}: expected a folder of {', '.join(SUFFIXES)} files")
    files = sorted(_files(root))
    models = {model_id_of(file): file for file in files if file.suffix.lower() in SUFFIXES}
    refused = [_unreadable(file) for file in files if file.suffix.lower() in OTHER_SUFFIXES]
    if not models:
        raise DatasetError(f"{root}: expected {', '.join(SUFFIXES)} files in it or below, found {len(files)} others")
    infos = read_folder_tags(tags, models) if tags is not None else {}
    found = [
        ImportedModel(infos.get(model_id) or ModelInfo(model_id), root / file, file.as_posix())
        for model_id, file in models.items()
    ]
    return found, refused


def models_of(models: Sequence[ImportedModel]) -> FetchFn:
    """What fetches models that are all here: their look-up."""
    by_id = {model.info.model_id: model for model in models}
    return lambda infos: ([by_id[info.model_id] for info in infos], [])


def model_id_of(file: PurePosixPath) -> str:
    """The id of a model: its path in plain characters, for people, and a digest of its path, for uniqueness.

    It depends on nothing but the path, so that no model moves to another split when others are added.
    """
    slug = re.sub(r"[^a-z0-9]+", "-", file.with_suffix("").as_posix().lower()).strip("-")[-SLUG_CHARACTERS:]
    digest = hashlib.sha256(os.fsencode(file.as_posix())).hexdigest()[:DIGEST_CHARACTERS]
    return "-".join(part for part in (slug.strip("-"), digest) if part)


def _files(root: Path) -> Iterator[PurePosixPath]:
    """Regular files below a folder, relative to it."""
    pending = [PurePosixPath()]
    n_files = 0
    while pending:
        folder = pending.pop()
        with os.scandir(root / folder) as entries:
            for entry in entries:
                n_files += 1
                if n_files > MAX_FILES:
                    raise DatasetError(f"{root}: expected at most {MAX_FILES} files")
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False) and len(folder.parts) < MAX_DEPTH:
                    pending.append(folder / entry.name)
                elif entry.is_file(follow_symlinks=False):
                    yield folder / entry.name


def _unreadable(file: PurePosixPath) -> Quarantined:
    reason = f"{file.suffix.lower()} cannot be read, only {', '.join(SUFFIXES)}"
    return Quarantined(model_id_of(file), STAGE, reason, file.as_posix())
