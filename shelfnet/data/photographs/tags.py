"""Read the tags of photographs from ``photographs.csv`` or ``photographs.parquet``."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from shelfnet.data.catalogue.model_info import STAGE, DatasetError, clean_tag, is_safe_id
from shelfnet.data.catalogue.quarantine import Quarantined
from shelfnet.data.catalogue.tag_tables import read_tag_table
from shelfnet.data.name_index import PathIndex
from shelfnet.data.photographs.files import TABLES, find_tables
from shelfnet.data.shown_names import warn_of
from shelfnet.data.tags import TAGS, ObjectTags

KEY = "photo"
"""Column with the path of a photograph relative to the root folder, with slashes."""
OPTIONAL_COLUMNS = ("object_id", *TAGS, "caption")

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class PhotoTags(ObjectTags):
    """Tags of one photograph; ``None`` if unknown."""

    object_id: str | None = None
    caption: str | None = None


@dataclass(frozen=True)
class TagTable:
    """Tags by photograph, and the photographs or rows that are refused."""

    tags: Mapping[str, PhotoTags]
    refused: tuple[Quarantined, ...]


def read_photo_tags(root: Path) -> TagTable:
    """Read the table of tags; empty if there is none. Only the first row of a photograph is used.

    Raises:
        DatasetError: There are two tables, or the table cannot be read or has no column ``photo``.
    """
    paths = find_tables(root)
    if len(paths) > 1:
        raise DatasetError(f"{root}: expected one of {' and '.join(TABLES)}, found both")
    if not paths:
        return TagTable({}, ())
    tags: dict[str, PhotoTags] = {}
    refused = []
    n_nameless = 0
    for row in read_tag_table(paths[0], (KEY,), OPTIONAL_COLUMNS):
        if KEY not in row:
            n_nameless += 1
            continue
        photo = row[KEY].strip().replace("\\", "/").removeprefix("./")
        if photo in tags:
            log.warning("%s: several rows for %s; the first one is used", paths[0], photo)
            continue
        tags[photo] = PhotoTags(**{name: clean_tag(photo, name, row.get(name)) for name in OPTIONAL_COLUMNS})
        object_id = tags[photo].object_id
        if object_id is not None and not is_safe_id(object_id):
            refused.append(Quarantined(object_id, STAGE, f"{paths[0].name}: object_id is not a safe file name", photo))
    if n_nameless:
        log.warning("%s: %d rows have no %s", paths[0], n_nameless, KEY)
    return TagTable(tags, tuple(refused))


def match_photos(table: TagTable, photos: Iterable[str]) -> TagTable:
    """A table with the paths of its photographs as they are on disk.

    Rows that match no single photograph are refused; they are logged, as are rows that repeat a photograph.

    Args:
        table: Tags by photograph as the table spells it; see :class:`~shelfnet.data.name_index.PathIndex`.
        photos: Paths of all photographs below the root.
    """
    paths = PathIndex(photos)
    found = {row: paths.find(row) for row in table.tags}
    unmatched = [row for row, photo in found.items() if photo is None]
    tags: dict[str, PhotoTags] = {}
    repeated: list[str] = []
    for row, photo in found.items():
        if photo is not None:
            repeated += [row] if photo in tags else []
            tags.setdefault(photo, table.tags[row])
    counts = f"{len(unmatched)} of {len(found)} rows match no single photograph"
    warn_of(log, f"table of tags: {counts} and are not used", unmatched)
    warn_of(log, f"table of tags: {len(repeated)} rows repeat a photograph, whose first row is used", repeated)
    missing = "the table of tags names no single photograph"
    refused = [replace(row, path=found[row.path] or row.path) for row in table.refused]
    return TagTable(tags, (*refused, *(Quarantined("", STAGE, missing, row) for row in unmatched)))
