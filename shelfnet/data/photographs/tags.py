"""Read the tags of photographs from ``photographs.csv`` or ``photographs.parquet``."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from shelfnet.data.catalogue.model_info import STAGE, DatasetError, clean_tag, is_safe_id
from shelfnet.data.catalogue.quarantine import Quarantined
from shelfnet.data.catalogue.tag_tables import read_tag_table
from shelfnet.data.photographs.files import TABLES
from shelfnet.data.tags import TAGS, ObjectTags

KEY = "photo"
"""Column with the path of a photograph relative to the root folder, with slashes."""
OPTIONAL_COLUMNS = ("object_id", *TAGS, "caption")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class PhotoTags(ObjectTags):
    """Tags of one photograph; ``None`` if unknown."""

    object_id: str | None = None
    caption: str | None = None


@dataclass(frozen=True)
class TagTable:
    """Tags by photograph, and the photographs with an unusable row."""

    tags: Mapping[str, PhotoTags]
    refused: tuple[Quarantined, ...]


def read_photo_tags(root: Path) -> TagTable:
    """Read the table of tags; empty if there is none. Only the first row of a photograph is used.

    Raises:
        DatasetError: There are two tables, or the table cannot be read or has no column ``photo``.
    """
    paths = [root / name for name in TABLES if (root / name).is_file()]
    if len(paths) > 1:
        raise DatasetError(f"{root}: expected one of {' and '.join(TABLES)}, found both")
    if not paths:
        return TagTable({}, ())
    tags: dict[str, PhotoTags] = {}
    refused = []
    for row in read_tag_table(paths[0], (KEY,), OPTIONAL_COLUMNS):
        if KEY not in row:
            continue
        photo = row[KEY].strip().replace("\\", "/").removeprefix("./")
        if photo in tags:
            logger.warning("%s: several rows for %s; the first one is used", paths[0], photo)
            continue
        tags[photo] = PhotoTags(**{name: clean_tag(photo, name, row.get(name)) for name in OPTIONAL_COLUMNS})
        object_id = tags[photo].object_id
        if object_id is not None and not is_safe_id(object_id):
            refused.append(Quarantined(object_id, STAGE, f"{paths[0].name}: object_id is not a safe file name", photo))
    return TagTable(tags, tuple(refused))
