"""Untrusted tables of tags in CSV or Parquet: only texts and numbers, and no more than fits in memory.

The sizes stated in a Parquet file are trusted only to refuse it: a small dictionary can stand for texts of any length.
Texts are therefore counted while they are still dictionary indices. Parquet files are read in a child process, because
damaged ones can end the process that reads them.
"""

import csv
import logging
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from shelfnet.data.catalogue.model_info import MAX_BYTES, DatasetError
from shelfnet.isolation import IsolatedWorker, WorkerFailedError

MAX_ROWS = 1_000_000
MAX_TABLE_BYTES = 256 * 1024**2
"""Limit of the decoded size of the requested columns."""
BATCH_ROWS = 16_384
DELTA_BATCH_ROWS = 256
"""Batch size for delta-encoded texts, whose size is unknown until they are decoded."""
TIMEOUT_S = 300.0
MEMORY_MB = 4_000
"""Limits of the child process that reads a Parquet file."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RawTable:
    """Column names as spelt in the file, and rows by these names."""

    columns: tuple[str, ...]
    rows: list[dict[str, Any]]


def read_tag_table(path: Path, keys: Collection[str], columns: Collection[str]) -> list[dict[str, str]]:
    """Rows of a table by column, without empty cells.

    Case, blanks and dashes in column names are ignored. Numbers become texts, whole ones without a point. Texts are
    unchanged: "007" keeps its zeros, and a style may be "None". Other columns are ignored.

    Args:
        path: ``.parquet``, or CSV (UTF-8, with a header) with any other suffix.
        keys: Columns that identify a row; the table must have at least one of them.
        columns: Other columns to read.

    Raises:
        DatasetError: The table cannot be read, is too large, has no key column, or has a column twice.
    """
    read = _read_isolated if path.suffix.lower() == ".parquet" else _read_csv
    try:
        if path.exists() and not path.is_file():
            raise ValueError("expected a file")
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"at most {MAX_BYTES} bytes, got {path.stat().st_size}")
        table = read(path, {*keys, *columns})
    except WorkerFailedError as error:
        raise DatasetError(f"{path}: damaged: reading it {error}") from error
    except (OSError, ValueError, csv.Error, pa.ArrowException) as error:
        raise DatasetError(f"{path}: expected a CSV or Parquet table of tags: {error}") from error
    if not set(keys) & {_column_name(name) for name in table.columns}:
        expected, got = " or ".join(keys), ", ".join(table.columns)[:300]
        raise DatasetError(f"{path}: expected a column {expected}, got {got or 'none'}")
    return [{_column_name(name): text for name, cell in row.items() if (text := _text(cell))} for row in table.rows]


def read_parquet_columns(path: Path, is_wanted: Callable[[str], bool]) -> RawTable:
    """Selected columns of a Parquet file; those that hold neither texts nor numbers are skipped with a warning.

    Raises:
        ValueError: There are too many rows or bytes, a selected column occurs twice, or a text is invalid.
        OSError: The file cannot be read.
        pyarrow.ArrowException: The file is damaged or not Parquet.
    """
    with pq.ParquetFile(path) as file:
        columns = _plain_columns(path, file.schema_arrow, is_wanted)
        groups = (file.metadata.row_group(number) for number in range(file.metadata.num_row_groups))
        chunks = [group.column(position) for group in groups for position in range(group.num_columns)]
        chunks = [chunk for chunk in chunks if chunk.path_in_schema in columns]
        _check_size(file.metadata.num_rows, sum(chunk.total_uncompressed_size for chunk in chunks))
    delta_encoded = {chunk.path_in_schema for chunk in chunks if any("DELTA" in name for name in chunk.encodings)}
    dictionaries = [name for name in columns if name not in delta_encoded]
    n_rows = DELTA_BATCH_ROWS if delta_encoded else BATCH_ROWS
    with pq.ParquetFile(path, read_dictionary=dictionaries) as file:
        return RawTable(columns, list(_rows(file.iter_batches(n_rows, columns=columns))))


def _read_isolated(path: Path, wanted: Collection[str]) -> RawTable:
    """A Parquet file, read in a child process.

    Raises:
        WorkerFailedError: Reading the file crashes or exceeds a limit.
    """
    make = partial(partial, _read_parquet, wanted=frozenset(wanted))
    with IsolatedWorker(make, timeout_s=TIMEOUT_S, memory_mb=MEMORY_MB) as worker:
        return worker.run(path)


def _read_parquet(path: Path, wanted: Collection[str]) -> RawTable:
    table = read_parquet_columns(path, lambda name: _column_name(name) in wanted)
    _require_distinct(map(_column_name, table.columns))
    return table


def _read_csv(path: Path, wanted: Collection[str]) -> RawTable:
    """A CSV file with all column names of its header, but only the wanted cells."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        lines = csv.reader(stream, strict=True)
        columns = next(lines, [])
        places = {name: place for place, name in enumerate(columns) if _column_name(name) in wanted}
        _require_distinct(name for name in map(_column_name, columns) if name in wanted)
        rows = []
        for cells in filter(None, lines):
            if any(cells[len(columns) :]):
                raise ValueError(f"{len(columns)} values per row, got {len(cells)} in line {lines.line_num}")
            rows.append({name: cells[place] for name, place in places.items() if place < len(cells)})
            _check_size(len(rows), 0)
    return RawTable(tuple(columns), rows)


def _require_distinct(names: Iterable[str]) -> None:
    names = list(names)
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"one column {name}, got {names.count(name)}")


def _column_name(column: str) -> str:
    return column.strip().lower().replace("-", "_").replace(" ", "_")


def _text(cell: Any) -> str:
    """A cell as text; empty if the cell is empty."""
    if cell is None or cell != cell:  # NaN
        return ""
    text = str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)
    return text if text.strip() else ""


def _check_size(n_rows: int, n_bytes: int) -> None:
    if n_rows > MAX_ROWS:
        raise ValueError(f"at most {MAX_ROWS} rows, got {n_rows} or more")
    if n_bytes > MAX_TABLE_BYTES:
        raise ValueError(f"at most {MAX_TABLE_BYTES} bytes when decoded, got {n_bytes} or more")


def _plain_columns(path: Path, schema: pa.Schema, is_wanted: Callable[[str], bool]) -> tuple[str, ...]:
    fields = [field for field in schema if is_wanted(field.name)]
    _require_distinct(field.name for field in fields)
    for field in fields:
        if not _is_plain(field.type):
            log.warning("%s: column %s holds %s, expected texts; ignored", path, field.name, str(field.type)[:80])
    return tuple(field.name for field in fields if _is_plain(field.type))


def _is_plain(kind: pa.DataType) -> bool:
    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    types = pa.types
    is_text = types.is_string(inner) or types.is_large_string(inner) or types.is_string_view(inner)
    is_number = types.is_integer(inner) or types.is_floating(inner) or types.is_boolean(inner)
    return is_text or is_number or types.is_null(inner)


def _rows(batches: Iterator[pa.RecordBatch]) -> Iterator[dict[str, Any]]:
    n_rows, n_bytes = 0, 0
    for batch in batches:
        n_rows += batch.num_rows
        n_bytes += sum(map(_decoded_bytes, batch.columns))
        _check_size(n_rows, n_bytes)
        yield from batch.to_pylist()


def _decoded_bytes(column: pa.Array) -> int:
    """Size of the values of a column; a dictionary's text is counted once per row that refers to it."""
    if not isinstance(column, pa.DictionaryArray) or pa.types.is_primitive(column.dictionary.type):
        return column.nbytes
    lengths = pc.binary_length(column.dictionary)  # pyright: ignore[reportAttributeAccessIssue]
    return pc.sum(pc.take(lengths, column.indices)).as_py() or 0  # pyright: ignore[reportAttributeAccessIssue]
