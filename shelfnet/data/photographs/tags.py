"""``photographs.csv`` or ``photographs.parquet``: what is said of photographs in a folder."""

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
"""Column with the path of a photograph relative to the folder, with slashes."""
SAID = ("object_id", *TAGS, "caption")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class PhotoTags(ObjectTags):
    """What a table says of one photograph; ``None`` where it says nothing."""

    object_id: str | None = None
    caption: str | None = None


@dataclass(frozen=True)
class TagTable:
    """Tags by photograph, and the photographs that their own row disqualifies."""

    tags: Mapping[str, PhotoTags]
    refused: tuple[Quarantined, ...]


def read_photo_tags(root: Path) -> TagTable:
    """The table beside the photographs; empty where there is none. Of rows for the same photograph the first counts.

    Raises:
        DatasetError: there are two tables, or the one there is cannot be read or has no column ``photo``.
    """
    paths = [root / name for name in TABLES if (root / name).is_file()]
    if len(paths) > 1:
        raise DatasetError(f"{root}: expected one of {' and '.join(TABLES)}, found both")
    if not paths:
        return TagTable({}, ())
    tags: dict[str, PhotoTags] = {}
    refused = []
    for row in read_tag_table(paths[0], (KEY,), SAID):
        if KEY not in row:
            continue
        photo = row[KEY].strip().replace("\\", "/").removeprefix("./")
        if photo in tags:
            logger.warning("%s: more than one row for %s; the first one counts", paths[0], photo)
            continue
        said = PhotoTags(**{name: clean_tag(photo, name, row.get(name)) for name in SAID})
        tags[photo] = said
        if said.object_id is not None and not is_safe_id(said.object_id):
            reason = f"{paths[0].name}: object_id cannot name files safely"
            refused.append(Quarantined(said.object_id, STAGE, reason, photo))
    return TagTable(tags, tuple(refused))
