"""Tables of texts that strangers wrote, CSV or Parquet: texts and numbers alone, and no more than fits in memory.

What a Parquet file says of its own size is believed only where that refuses it: a small dictionary stands for texts of
any length, so texts are counted while they are still numbers of entries of a dictionary.
"""

import csv
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from shelfnet.data.catalogue.model_info import MAX_BYTES, DatasetError

MAX_ROWS = 1_000_000
MAX_TABLE_BYTES = 256 * 1024**2
"""Of the wanted columns, unpacked."""
BATCH_ROWS = 16_384
DELTA_BATCH_ROWS = 256
"""Where texts are stored as differences, which cannot be counted before they are unpacked."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TagTable:
    """Rows by column, and which columns there are, as the file spells them."""

    columns: tuple[str, ...]
    rows: list[dict[str, Any]]


def read_tag_table(path: Path, keys: Collection[str], columns: Collection[str]) -> list[dict[str, str]]:
    """Rows of a table by column, without the cells that are empty.

    Letter case, blanks and dashes in the names of columns do not matter. Numbers are texts, whole ones without a point,
    and texts stay as they are: "007" keeps its zeros, a style may be called "None". Other columns are ignored.

    Args:
        path: ``.parquet``, or CSV of any other suffix (UTF-8, with a header).
        keys: columns that say what a row is about, of which the table must have one.
        columns: what else is wanted of it.

    Raises:
        DatasetError: the table cannot be read, is too large, has no key, or a wanted column twice.
    """
    read = _read_parquet if path.suffix.lower() == ".parquet" else _read_csv
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"at most {MAX_BYTES} bytes, got {path.stat().st_size}")
        table = read(path, {*keys, *columns})
    except (OSError, ValueError, csv.Error, pa.ArrowException) as error:
        raise DatasetError(f"{path}: expected a CSV or Parquet table of tags: {error}") from error
    if not set(keys) & {_folded(name) for name in table.columns}:
        expected, got = " or ".join(keys), ", ".join(table.columns)[:300]
        raise DatasetError(f"{path}: expected a column {expected}, got {got or 'none of use'}")
    return [{_folded(name): text for name, cell in row.items() if (text := _text(cell))} for row in table.rows]


def _read_parquet(path: Path, wanted: Collection[str]) -> TagTable:
    table = read_parquet_columns(path, lambda name: _folded(name) in wanted)
    _require_distinct(map(_folded, table.columns))
    return table


def _read_csv(path: Path, wanted: Collection[str]) -> TagTable:
    """A whole CSV file; ``columns`` are those of the header, so that a message can show what came instead."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        lines = csv.reader(stream, strict=True)
        columns = next(lines, [])
        places = {name: place for place, name in enumerate(columns) if _folded(name) in wanted}
        _require_distinct(name for name in map(_folded, columns) if name in wanted)
        rows = []
        for cells in filter(None, lines):
            if any(cells[len(columns) :]):
                raise ValueError(f"{len(columns)} values a row, got {len(cells)} in line {lines.line_num}")
            rows.append({name: cells[place] for name, place in places.items() if place < len(cells)})
            check_rows(len(rows))
    return TagTable(tuple(columns), rows)


def _require_distinct(names: Iterable[str]) -> None:
    seen = list(names)
    for name in seen:
        if seen.count(name) > 1:
            raise ValueError(f"one column {name}, got {seen.count(name)}")


def _folded(column: str) -> str:
    return column.strip().lower().replace("-", "_").replace(" ", "_")


def _text(cell: Any) -> str:
    """A cell as text, empty where it holds nothing."""
    if cell is None or cell != cell:  # NaN
        return ""
    text = str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)
    return text if text.strip() else ""


def read_parquet_columns(path: Path, is_wanted: Callable[[str], bool]) -> TagTable:
    """The wanted columns of a Parquet file; those that hold neither texts nor numbers are left out with a warning.

    Raises:
        ValueError: too many rows or bytes, a wanted column twice, or a text that is none.
        OSError: the file cannot be read.
        pyarrow.ArrowException: it is no Parquet file, or a damaged one.
    """
    with pq.ParquetFile(path) as file:
        columns = _plain_columns(path, file.schema_arrow, is_wanted)
        chunks = list(_chunks(file.metadata, columns))
        _check_size(file.metadata.num_rows, sum(chunk.total_uncompressed_size for chunk in chunks))
    differences = {chunk.path_in_schema for chunk in chunks if any("DELTA" in name for name in chunk.encodings)}
    dictionaries = [name for name in columns if name not in differences]
    n_rows = DELTA_BATCH_ROWS if differences else BATCH_ROWS
    with pq.ParquetFile(path, read_dictionary=dictionaries) as file:
        return TagTable(columns, list(_rows(file.iter_batches(n_rows, columns=columns))))


def check_rows(n_rows: int) -> None:
    """Refuse a table that is too long.

    Raises:
        ValueError: with the limit.
    """
    if n_rows > MAX_ROWS:
        raise ValueError(f"at most {MAX_ROWS} rows, got {n_rows} or more")


def _check_size(n_rows: int, n_bytes: int) -> None:
    check_rows(n_rows)
    if n_bytes > MAX_TABLE_BYTES:
        raise ValueError(f"at most {MAX_TABLE_BYTES} bytes when unpacked, got {n_bytes} or more")


def _plain_columns(path: Path, schema: pa.Schema, is_wanted: Callable[[str], bool]) -> tuple[str, ...]:
    fields = [field for field in schema if is_wanted(field.name)]
    names = [field.name for field in fields]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"one column {repeated[0]}, got {names.count(repeated[0])}")
    for field in fields:
        if not _is_plain(field.type):
            logger.warning("%s: column %s holds %s, no texts; taken as absent", path, field.name, str(field.type)[:80])
    return tuple(field.name for field in fields if _is_plain(field.type))


def _is_plain(kind: pa.DataType) -> bool:
    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    types = pa.types
    is_text = types.is_string(inner) or types.is_large_string(inner) or types.is_string_view(inner)
    is_number = types.is_integer(inner) or types.is_floating(inner) or types.is_boolean(inner)
    return is_text or is_number or types.is_null(inner)


def _chunks(metadata: pq.FileMetaData, columns: Sequence[str]) -> Iterator[pq.ColumnChunkMetaData]:
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        for position in range(group.num_columns):
            chunk = group.column(position)
            if chunk.path_in_schema in columns:
                yield chunk


def _rows(batches: Iterator[pa.RecordBatch]) -> Iterator[dict[str, Any]]:
    n_rows, n_bytes = 0, 0
    for batch in batches:
        n_rows += batch.num_rows
        n_bytes += sum(map(_unpacked_bytes, batch.columns))
        _check_size(n_rows, n_bytes)
        yield from batch.to_pylist()


def _unpacked_bytes(column: pa.Array) -> int:
    """Bytes of the values of a column, each of a dictionary's texts counted as often as it stands in a row."""
    if not isinstance(column, pa.DictionaryArray) or pa.types.is_primitive(column.dictionary.type):
        return column.nbytes
    lengths = pc.binary_length(column.dictionary)
    return pc.sum(pc.take(lengths, column.indices)).as_py() or 0
