"""Tables that others may have written: of the expected columns and types, or refused."""

from collections.abc import Collection, Sequence

import pyarrow as pa


def typed(
    table: pa.Table | pa.RecordBatch, schema: pa.Schema, columns: Sequence[str], nullable: Collection[str]
) -> pa.Table:
    """Columns of a table in the types of a schema, converted where another writer chose a related type.

    Args:
        table: with at least these columns.
        schema: has a field for each column.
        columns: which ones, in the order of the result.
        nullable: those that may lack values.

    Raises:
        ValueError: a column is missing, there twice, of an unrelated type, or lacks a value.
    """
    whole = table if isinstance(table, pa.Table) else pa.Table.from_batches([table])
    arrays = []
    for name in columns:
        found = whole.schema.get_all_field_indices(name)
        if len(found) != 1:
            raise ValueError(f"expected one column {name}, got {len(found)}")
        try:
            array = whole.column(found[0]).cast(schema.field(name).type)
        except pa.ArrowException as error:
            raise ValueError(f"column {name}: expected {schema.field(name).type}: {error}") from error
        if array.null_count and name not in nullable:
            raise ValueError(f"column {name}: expected a value in every row, got {array.null_count} without")
        arrays.append(array)
    return pa.table(arrays, names=list(columns))
