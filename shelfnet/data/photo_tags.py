"""``photographs.csv`` or ``photographs.parquet``: what is said of photographs in a folder, read as a stranger's text.

Columns: ``photo`` (path relative to the folder, with slashes) and any of :data:`SAID`. Other columns are ignored.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from shelfnet.data.model_info import MAX_BYTES, DatasetError, clean_tag, is_safe_id
from shelfnet.data.quarantine import Quarantined
from shelfnet.data.text_tables import MAX_ROWS, check_rows, read_text_table

STAGE = "catalogue"
TABLES = ("photographs.csv", "photographs.parquet")
KEY = "photo"
SAID = ("object_id", "super_category", "category", "style", "theme", "material", "caption")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PhotoTags:
    """What a table says of one photograph; ``None`` where it says nothing."""

    object_id: str | None = None
    super_category: str | None = None
    category: str | None = None
    style: str | None = None
    theme: str | None = None
    material: str | None = None
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
    for row in _rows(paths[0]):
        photo = str(row[KEY]).strip().replace("\\", "/").removeprefix("./")
        said = PhotoTags(**{name: _text(photo, name, row.get(name)) for name in SAID})
        if photo in tags:
            logger.warning("%s: more than one row for %s; the first one counts", paths[0], photo)
            continue
        tags[photo] = said
        if said.object_id is not None and not is_safe_id(said.object_id):
            reason = f"{paths[0].name}: object_id cannot name files safely"
            refused.append(Quarantined(said.object_id, STAGE, reason, photo))
    return TagTable(tags, tuple(refused))


def _rows(path: Path) -> list[dict[str, Any]]:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DatasetError(f"{path}: expected at most {MAX_BYTES} bytes, got {path.stat().st_size}")
        rows, columns = _parquet_rows(path) if path.suffix == ".parquet" else _csv_rows(path)
    except DatasetError:
        raise
    except (OSError, ValueError, pa.ArrowException) as error:
        raise DatasetError(f"{path}: expected a table of photographs: {error}") from error
    if KEY not in columns:
        raise DatasetError(f"{path}: expected a column {KEY!r}, got {', '.join(columns)[:300] or 'none of use'}")
    return [row for row in rows if not _is_absent(row[KEY])]


def _parquet_rows(path: Path) -> tuple[list[dict[str, Any]], list[str]]:
    table = read_text_table(path, lambda name: name in (KEY, *SAID))
    return table.rows, list(table.columns)


def _csv_rows(path: Path) -> tuple[list[dict[str, Any]], list[str]]:
    # Ids and tags are text, whatever they look like: "007" keeps its zeros, a style may be called "None".
    table = pd.read_csv(
        path, dtype=str, keep_default_na=False, na_values=[""], encoding="utf-8-sig", nrows=MAX_ROWS + 1
    )
    check_rows(len(table))
    return table.to_dict("records"), [str(name) for name in table.columns]


def _text(photo: str, name: str, value: Any) -> str | None:
    """A value as printable text on one line, or ``None``."""
    return None if _is_absent(value) else clean_tag(photo, name, str(value))


def _is_absent(value: Any) -> bool:
    return value is None or value is pd.NA or value != value  # NaN
