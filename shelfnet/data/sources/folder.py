"""A folder of models in any mixture of formats, with or without a table of tags."""

import hashlib
import logging
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from shelfnet.data.catalogue.model_info import DatasetError, ModelInfo, clean_tag
from shelfnet.data.catalogue.quarantine import Quarantined
from shelfnet.data.catalogue.tag_tables import read_tag_table
from shelfnet.data.importers.convert import SUFFIXES
from shelfnet.data.importers.staging import STAGE, FetchFn, ImportedModel
from shelfnet.data.name_index import NameIndex, PathIndex
from shelfnet.data.shown_names import warn_of
from shelfnet.data.tags import TAGS
from shelfnet.file_tree import aliases, walk

UNSUPPORTED_SUFFIXES = frozenset(
    (".3ds", ".3mf", ".abc", ".blend", ".dae", ".fbx", ".gltf", ".max", ".off", ".skp", ".usd", ".usda", ".usdc")
) | {".usdz", ".wrl", ".x3d"}
"""Model formats that cannot be read: such files are quarantined; files of any other format are ignored."""
SHORTCUT_SUFFIX = ".lnk"
SHORTCUT_FAULT = "is a shortcut, which only Windows can follow; copy the file itself"
MAX_FILES = 1_000_000
SLUG_CHARACTERS = 48
DIGEST_CHARACTERS = 12
KEY_COLUMNS = ("model_id", "file", "file_name", "path")

log = logging.getLogger(__name__)


def find_models(root: Path, tags: Path | None) -> tuple[list[ImportedModel], list[Quarantined]]:
    """The models below a folder, sorted by path, and the files that cannot be read: other formats, unusable links.

    Hidden files and folders are ignored. Links are followed; a file that is found several ways is used once.

    Raises:
        DatasetError: There is no folder or no model in it, there are too many files, or the tags cannot be read.
    """
    if not root.is_dir():
        raise DatasetError(f"{root}: expected a folder of {', '.join(SUFFIXES)} files")
    files, unusable = _files(root)
    models = {model_id_of(file): file for file in files if file.suffix.lower() in SUFFIXES}
    refused = [_refused(file, fault) for file, fault in sorted(unusable.items())]
    refused += [_refused(file, SHORTCUT_FAULT) for file in files if file.suffix.lower() == SHORTCUT_SUFFIX]
    reason = f"expected one of {', '.join(SUFFIXES)}"
    refused += [_refused(file, reason) for file in files if file.suffix.lower() in UNSUPPORTED_SUFFIXES]
    faults = [f"{row.path}: {row.reason}" for row in refused]
    warn_of(log, f"{root}: {len(faults)} files cannot be read", faults)
    if not models:
        others = f"{len(files)} others and {len(unusable)} unusable links or folders"
        raise DatasetError(f"{root}: expected {', '.join(SUFFIXES)} files in it or below, found {others}")
    infos = read_folder_tags(tags, models) if tags is not None else {}
    found = [
        ImportedModel(infos.get(model_id) or ModelInfo(model_id), root / file, file.as_posix())
        for model_id, file in models.items()
    ]
    return found, refused


def models_of(models: Sequence[ImportedModel]) -> FetchFn:
    """A fetch function for models that are all on disk."""
    by_id = {model.info.model_id: model for model in models}
    return lambda infos: ([by_id[info.model_id] for info in infos], [])


def model_id_of(file: PurePosixPath) -> str:
    """Id of a model: a readable slug of its path, and a digest of the path for uniqueness.

    It depends only on the path, so that no model changes its split when others are added.
    """
    slug = re.sub(r"[^a-z0-9]+", "-", file.with_suffix("").as_posix().lower()).strip("-")[-SLUG_CHARACTERS:]
    digest = hashlib.sha256(os.fsencode(file.as_posix())).hexdigest()[:DIGEST_CHARACTERS]
    return "-".join(part for part in (slug.strip("-"), digest) if part)


def read_folder_tags(path: Path, files: Mapping[str, PurePosixPath]) -> dict[str, ModelInfo]:
    """Tags by model id; models without a row are missing, and missing columns are ``None``.

    A row identifies its model by the first of :data:`KEY_COLUMNS` that matches an id or a file; see
    :class:`~shelfnet.data.name_index.PathIndex`. A file name that several models share identifies none. The first row
    of a model is used. Rows that are not used are logged.

    Args:
        path: Table with one of :data:`KEY_COLUMNS` and any of :data:`~shelfnet.data.tags.TAGS`; see
            :func:`~shelfnet.data.catalogue.tag_tables.read_tag_table`.
        files: Files of the models relative to their folder, by model id.

    Raises:
        DatasetError: The table cannot be read or has no key column.
    """
    ids = NameIndex((model_id, model_id) for model_id in files)
    by_path = {file.as_posix(): model_id for model_id, file in files.items()}
    paths = PathIndex(by_path)
    tags: dict[str, ModelInfo] = {}
    unknown: list[str] = []
    repeated: list[str] = []
    for row in read_tag_table(path, KEY_COLUMNS, TAGS):
        keys = [row[column].strip() for column in KEY_COLUMNS if column in row]
        found = (ids.find(key) or by_path.get(paths.find(key) or "") for key in keys)
        model_id = next(filter(None, found), None)
        if model_id is None:
            unknown.append(keys[0] if keys else "")
        elif model_id in tags:
            repeated.append(keys[0])
        else:
            tags[model_id] = ModelInfo(model_id, **{name: clean_tag(model_id, name, row.get(name)) for name in TAGS})
    warn_of(log, f"{path}: {len(unknown)} rows match no single model", unknown)
    warn_of(log, f"{path}: {len(repeated)} rows repeat a model, whose first row is used", repeated)
    return tags


def _files(root: Path) -> tuple[list[PurePosixPath], dict[PurePosixPath, str]]:
    """Files below a folder, relative to it and sorted, and the faults of unusable links.

    Of the links to one model, only the first is listed, and none if the model itself is listed.

    Raises:
        DatasetError: There are too many files.
    """
    files: list[PurePosixPath] = []
    unusable: dict[PurePosixPath, str] = {}
    for folder, listing in walk(root, lambda path: not path.name.startswith(".")):
        below = PurePosixPath(folder.relative_to(root).as_posix())
        files += [below / name for name in listing.files if not name.startswith(".")]
        unusable |= {below / name: fault for name, fault in listing.unusable.items() if not name.startswith(".")}
        if len(files) > MAX_FILES:
            raise DatasetError(f"{root}: expected at most {MAX_FILES} files")
    repeated = set(aliases(root / file for file in files if file.suffix.lower() in SUFFIXES))
    return sorted(file for file in files if root / file not in repeated), unusable


def _refused(file: PurePosixPath, reason: str) -> Quarantined:
    return Quarantined(model_id_of(file), STAGE, reason, file.as_posix())
