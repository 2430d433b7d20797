"""Parquet tables with a fixed schema: written completely, and read back only if columns and types match."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pyarrow as pa
import pyarrow.parquet as pq

from shelfnet.provenance import code_version
from shelfnet.publishing import complete_file


def schema_of(row: type) -> pa.Schema:
    """Columns for the fields of a dataclass, which are texts and numbers; only optional ones may be null."""
    types = {str: pa.string(), int: pa.int64(), float: pa.float64()}
    columns = []
    for name, hint in get_type_hints(row).items():
        kind, *null = get_args(hint) or (hint,)
        columns.append(pa.field(name, types[kind], nullable=bool(null)))
    return pa.schema(columns)


def write_table(path: Path, rows: Iterable[Mapping[str, Any]], schema: pa.Schema) -> None:
    """Publish rows as a Parquet file with the code version in its metadata."""
    schema = schema.with_metadata({"code_version": code_version()})
    with complete_file(path) as temporary:
        pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), temporary)


def read_parquet(path: Path) -> pa.Table:
    """All rows and columns of a Parquet file.

    They are read in batches. At once, pyarrow would make room for as many values as the file states. With a damaged
    number, it would not end.

    Raises:
        OSError: The file cannot be read, or a page is damaged.
        pyarrow.ArrowException: The file is damaged.
        ValueError: The file has fewer rows than it states, or a name that is not UTF-8.
    """
    with pq.ParquetFile(path) as file:
        table = pa.Table.from_batches(list(file.iter_batches()), file.schema_arrow)
        if table.num_rows != file.metadata.num_rows:
            raise ValueError(f"damaged: {table.num_rows} of {file.metadata.num_rows} rows")
    return table


def read_table(path: Path, schema: pa.Schema, nullable: Collection[str]) -> list[dict[str, Any]]:
    """Rows of a Parquet file with the columns of a schema, in their order; other columns are ignored.

    Args:
        path: The file.
        schema: Expected columns and their types.
        nullable: Columns that may have null values.

    Raises:
        ValueError: The file cannot be read or does not match the schema; the message names the file.
    """
    try:
        return cast_columns(read_parquet(path), schema, schema.names, nullable).to_pylist()
    except (OSError, pa.ArrowException, ValueError) as error:
        expected = f"expected a Parquet table with the columns {', '.join(schema.names)}"
        raise ValueError(f"{path}: {expected}: {error}") from error


def cast_columns(
    table: pa.Table | pa.RecordBatch, schema: pa.Schema, columns: Sequence[str], nullable: Collection[str]
) -> pa.Table:
    """Columns of a table in the types of a schema, converted if the writer chose a related type.

    Args:
        table: Table with at least these columns.
        schema: Schema with a field for each column.
        columns: Columns to return, in this order.
        nullable: Columns that may have null values.

    Raises:
        ValueError: A column is missing, duplicated, of an unrelated type, damaged, or lacks a value.
    """
    whole = table if isinstance(table, pa.Table) else pa.Table.from_batches([table])
    arrays = []
    for name in columns:
        found = whole.schema.get_all_field_indices(name)
        if len(found) != 1:
            raise ValueError(f"expected one column {name}, got {len(found)}")
        try:
            array = whole.column(found[0]).cast(schema.field(name).type)
            array.validate(full=True)  # offsets and UTF-8, which pyarrow reads unchecked
        except pa.ArrowException as error:
            raise ValueError(f"column {name}: expected {schema.field(name).type}: {error}") from error
        if array.null_count and name not in nullable:
            raise ValueError(f"column {name}: expected a value in every row, got {array.null_count} nulls")
        arrays.append(array)
    return pa.table(arrays, names=list(columns))
