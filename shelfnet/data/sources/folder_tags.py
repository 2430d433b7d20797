"""A table of tags for models that come without any."""

import logging
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from shelfnet.data.catalogue.model_info import ModelInfo, clean_tag
from shelfnet.data.catalogue.tag_tables import read_tag_table
from shelfnet.data.tags import TAGS

KEY_COLUMNS = ("model_id", "file", "file_name", "path")

logger = logging.getLogger(__name__)


def read_folder_tags(path: Path, files: Mapping[str, PurePosixPath]) -> dict[str, ModelInfo]:
    """Tags by model id; models without a row have none, and columns that are missing stay open.

    A row says which model it is about by its id, its path in the folder or its file name, each of the last two with or
    without the suffix; a file name that several models share says nothing. The first row of a model counts.

    Args:
        path: table with one of the columns ``model_id``, ``file``, ``file_name``, ``path``, and any of
            :data:`~shelfnet.data.tags.TAGS`, as :func:`~shelfnet.data.catalogue.tag_tables.read_rows` reads it.
        files: the models' files relative to their folder, by model id.

    Raises:
        DatasetError: the table cannot be read, or has no column that names models.
    """
    names = _names(files)
    tags: dict[str, ModelInfo] = {}
    unknown: list[str] = []
    for row in read_tag_table(path, KEY_COLUMNS, TAGS):
        key = next((row[column].strip() for column in KEY_COLUMNS if column in row), "")
        model_id = names.get(_folded(key))
        if model_id is None:
            unknown.append(key)
        elif model_id not in tags:
            said = {name: clean_tag(model_id, name, row.get(name)) for name in TAGS}
            tags[model_id] = ModelInfo(model_id, **said)
    if unknown:
        logger.warning("%s: %d rows name no model, or several, the first ones %s", path, len(unknown), unknown[:3])
    return tags


def _names(files: Mapping[str, PurePosixPath]) -> dict[str, str | None]:
    """Model ids by everything that a row may call them; None where that means several."""
    names: dict[str, str | None] = {}
    for model_id, file in files.items():
        for name in {_folded(str(spelling)) for spelling in (file, file.with_suffix(""), file.name, file.stem)}:
            names[name] = None if name in names else model_id
    return names | {_folded(model_id): model_id for model_id in files}


def _folded(name: str) -> str:
    return name.replace("\\", "/").removeprefix("./").casefold()
