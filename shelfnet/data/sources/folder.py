"""A folder of models in any mixture of formats, with or without a table of tags."""

import hashlib
import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from shelfnet.data.catalogue.model_info import DatasetError, ModelInfo, clean_tag
from shelfnet.data.catalogue.quarantine import Quarantined
from shelfnet.data.catalogue.tag_tables import read_tag_table
from shelfnet.data.importers.convert import SUFFIXES
from shelfnet.data.importers.staging import STAGE, FetchFn, ImportedModel
from shelfnet.data.tags import TAGS

UNSUPPORTED_SUFFIXES = frozenset(
    (".3ds", ".3mf", ".abc", ".blend", ".dae", ".fbx", ".gltf", ".max", ".off", ".skp", ".usd", ".usda", ".usdc")
) | {".usdz", ".wrl", ".x3d"}
"""Model formats that cannot be read: such files are quarantined; files of any other format are ignored."""
MAX_FILES = 1_000_000
MAX_DEPTH = 32
SLUG_CHARACTERS = 48
DIGEST_CHARACTERS = 12
KEY_COLUMNS = ("model_id", "file", "file_name", "path")

logger = logging.getLogger(__name__)


def find_models(root: Path, tags: Path | None) -> tuple[list[ImportedModel], list[Quarantined]]:
    """The models below a folder, sorted by path, and the files in unsupported formats.

    Hidden files and folders are ignored, and links are not followed.

    Raises:
        DatasetError: There is no folder or no model in it, there are too many files, or the tags cannot be read.
    """
    if not root.is_dir():
        raise DatasetError(f"{root}: expected a folder of {', '.join(SUFFIXES)} files")
    files = sorted(_files(root))
    models = {model_id_of(file): file for file in files if file.suffix.lower() in SUFFIXES}
    refused = [_unsupported(file) for file in files if file.suffix.lower() in UNSUPPORTED_SUFFIXES]
    if not models:
        raise DatasetError(f"{root}: expected {', '.join(SUFFIXES)} files in it or below, found {len(files)} others")
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

    A row identifies its model by id, by path in the folder, or by file name, the latter two with or without suffix. A
    file name shared by several models identifies none. The first row of a model is used.

    Args:
        path: Table with one of :data:`KEY_COLUMNS` and any of :data:`~shelfnet.data.tags.TAGS`; see
            :func:`~shelfnet.data.catalogue.tag_tables.read_tag_table`.
        files: Files of the models relative to their folder, by model id.

    Raises:
        DatasetError: The table cannot be read or has no key column.
    """
    model_ids = _model_ids_by_name(files)
    tags: dict[str, ModelInfo] = {}
    unknown: list[str] = []
    for row in read_tag_table(path, KEY_COLUMNS, TAGS):
        key = next((row[column].strip() for column in KEY_COLUMNS if column in row), "")
        model_id = model_ids.get(_folded(key))
        if model_id is None:
            unknown.append(key)
        elif model_id not in tags:
            tags[model_id] = ModelInfo(model_id, **{name: clean_tag(model_id, name, row.get(name)) for name in TAGS})
    if unknown:
        logger.warning("%s: %d rows match no single model, the first ones are %s", path, len(unknown), unknown[:3])
    return tags


def _model_ids_by_name(files: Mapping[str, PurePosixPath]) -> dict[str, str | None]:
    """Model ids by every name a row may use; None for ambiguous names."""
    names: dict[str, str | None] = {}
    for model_id, file in files.items():
        for name in {_folded(str(spelling)) for spelling in (file, file.with_suffix(""), file.name, file.stem)}:
            names[name] = None if name in names else model_id
    return names | {_folded(model_id): model_id for model_id in files}


def _folded(name: str) -> str:
    return name.replace("\\", "/").removeprefix("./").casefold()


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


def _unsupported(file: PurePosixPath) -> Quarantined:
    reason = f"{file.suffix.lower()} cannot be read, only {', '.join(SUFFIXES)}"
    return Quarantined(model_id_of(file), STAGE, reason, file.as_posix())
