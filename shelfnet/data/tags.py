"""A table of tags for models that come without any: CSV or Parquet, read as a stranger's."""

import csv
import logging
from collections.abc import Mapping
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa

from shelfnet.data.model_info import DatasetError, ModelInfo, clean_tag
from shelfnet.data.text_tables import MAX_ROWS, check_rows, read_text_table

TAG_COLUMNS = ("super_category", "category", "style", "theme", "material")
KEY_COLUMNS = ("model_id", "file", "file_name", "path")
MAX_BYTES = 256 * 1024**2

logger = logging.getLogger(__name__)


def read_tags(path: Path, files: Mapping[str, PurePosixPath]) -> dict[str, ModelInfo]:
    """Tags by model id; models without a row have none, and columns that are missing stay open.

    A row says which model it is about by its id, its path in the folder or its file name, each of the last two with or
    without the suffix; a file name that several models share says nothing. The first row of a model counts.

    Args:
        path: ``.csv`` (UTF-8, with a header) or ``.parquet``; one of the columns ``model_id``, ``file``, ``file_name``,
            ``path``, and any of ``super_category``, ``category``, ``style``, ``theme``, ``material``.
        files: the models' files relative to their folder, by model id.

    Raises:
        DatasetError: the table cannot be read, or has no column that names models.
    """
    rows = _read_rows(path)
    names = _names(files)
    tags: dict[str, ModelInfo] = {}
    unknown: list[str] = []
    for row in rows:
        key = next((str(row[column]).strip() for column in KEY_COLUMNS if row.get(column) not in (None, "")), "")
        model_id = names.get(_folded(key))
        if model_id is None:
            unknown.append(key)
        elif model_id not in tags:
            values = [clean_tag(model_id, column, row.get(column) or None) for column in TAG_COLUMNS]
            super_category, category, style, theme, material = values
            tags[model_id] = ModelInfo(model_id, super_category, category, style, theme, material)
    if unknown:
        logger.warning("%s: %d rows name no model, or several, the first ones %s", path, len(unknown), unknown[:3])
    return tags


def _read_rows(path: Path) -> list[dict[str, Any]]:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DatasetError(f"{path}: expected at most {MAX_BYTES} bytes, got {path.stat().st_size}")
        rows, columns = _parquet_rows(path) if path.suffix.lower() == ".parquet" else _csv_rows(path)
    except DatasetError:
        raise
    except (OSError, ValueError, csv.Error, pa.ArrowException) as error:
        raise DatasetError(f"{path}: expected a CSV or Parquet table of tags: {error}") from error
    if not set(KEY_COLUMNS) & set(columns):
        raise DatasetError(f"{path}: expected a column of {', '.join(KEY_COLUMNS)}, got {', '.join(columns)[:300]}")
    return rows


def _csv_rows(path: Path) -> tuple[list[dict[str, Any]], list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        columns = [_column(name) for name in reader.fieldnames or ()]
        reader.fieldnames = columns
        rows = list(islice(reader, MAX_ROWS + 1))
    check_rows(len(rows))
    return rows, columns


def _parquet_rows(path: Path) -> tuple[list[dict[str, Any]], list[str]]:
    table = read_text_table(path, lambda name: _column(name) in (*KEY_COLUMNS, *TAG_COLUMNS))
    rows = [{_column(name): value for name, value in row.items()} for row in table.rows]
    return rows, [_column(name) for name in table.columns]


def _column(name: str) -> str:
    return name.strip().lower().replace("-", "_").replace(" ", "_")


def _names(files: Mapping[str, PurePosixPath]) -> dict[str, str | None]:
    """Model ids by everything that a row may call them; None where that means several."""
    names: dict[str, str | None] = {}
    for model_id, file in files.items():
        for name in {_folded(str(spelling)) for spelling in (file, file.with_suffix(""), file.name, file.stem)}:
            names[name] = None if name in names else model_id
    return names | {_folded(model_id): model_id for model_id in files}


def _folded(name: str) -> str:
    return name.replace("\\", "/").removeprefix("./").casefold()
