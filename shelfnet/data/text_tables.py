"""Parquet tables of texts that strangers wrote: columns of texts and numbers alone, and no more than fits in memory.

What a file says of its own size is believed only where that refuses it: a small dictionary stands for texts of any
length, so texts are counted while they are still numbers of entries of a dictionary.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

MAX_ROWS = 1_000_000
MAX_TABLE_BYTES = 256 * 1024**2
"""Of the wanted columns, unpacked."""
BATCH_ROWS = 16_384
DELTA_BATCH_ROWS = 256
"""Where texts are stored as differences, which cannot be counted before they are unpacked."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TextTable:
    """Rows by column, and which columns there are, as the file spells them."""

    columns: tuple[str, ...]
    rows: list[dict[str, Any]]


def read_text_table(path: Path, is_wanted: Callable[[str], bool]) -> TextTable:
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
        return TextTable(columns, list(_rows(file.iter_batches(n_rows, columns=columns))))


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
