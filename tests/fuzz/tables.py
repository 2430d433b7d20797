"""Valid Parquet files with unexpected columns, as from other writers, other versions or attackers."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

EXTREMES = (0, -1, 2**31 - 1, -(2**31), 2**63 - 1, float("nan"), float("inf"), -1e308, 1e308)
TEXTS = ("", "\0", "../../x", "/etc/passwd", "x" * 5_000, "\U0001fa91 \u202e", "=1+1", "train", "test", "ok")


def damage_table(content: bytes, generator: np.random.Generator) -> bytes:
    """One to three changes to the columns, rows or metadata of a table, written as a valid Parquet file."""
    table = pq.read_table(io.BytesIO(content))
    for _ in range(int(generator.integers(1, 4))):
        change = CHANGES[int(generator.integers(len(CHANGES)))]
        table = change(table, generator)
    stream = io.BytesIO()
    pq.write_table(table, stream, row_group_size=int(generator.choice([1, 2, 1000])))
    return stream.getvalue()


def drop_column(table: pa.Table, generator: np.random.Generator) -> pa.Table:
    return table.remove_column(_column(table, generator)) if table.num_columns > 1 else table


def rename_column(table: pa.Table, generator: np.random.Generator) -> pa.Table:
    names = list(table.column_names)
    names[_column(table, generator)] = str(generator.choice([*names, "other", ""]))
    return table.rename_columns(names)


def retype_column(table: pa.Table, generator: np.random.Generator) -> pa.Table:
    index = _column(table, generator)
    rows = table.num_rows
    columns = (
        pa.nulls(rows),
        pa.array([str(TEXTS[row % len(TEXTS)]) for row in range(rows)], pa.string()),
        pa.array([b"\xff\xfe"] * rows, pa.binary()),
        pa.array([[1.0, None]] * rows, pa.list_(pa.float64())),
        pa.array([{"bytes": b"", "path": None}] * rows, pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        pa.array([True] * rows),
        pa.array(range(rows), pa.int64()),
        pa.array([1e308] * rows, pa.float64()),
    )
    return _replaced(table, index, columns[int(generator.integers(len(columns)))])


def change_values(table: pa.Table, generator: np.random.Generator) -> pa.Table:
    """Extreme values and nulls in some rows of a column, as its type allows."""
    index = _column(table, generator)
    values = table.column(index).to_pylist()
    for row in generator.integers(len(values), size=2) if values else ():
        values[row] = _other(values[row], generator)
    try:
        return _replaced(table, index, pa.array(values, table.column(index).type))
    except (pa.ArrowException, OverflowError, TypeError, ValueError):
        return _replaced(table, index, pa.nulls(len(values), table.column(index).type))


def change_rows(table: pa.Table, generator: np.random.Generator) -> pa.Table:
    rows = table.num_rows
    if rows == 0:
        return table
    taken = (generator.permutation(rows), generator.integers(rows, size=rows + 3), np.arange(rows // 2), np.arange(0))
    return table.take(pa.array(taken[int(generator.integers(len(taken)))], pa.int64()))


def change_metadata(table: pa.Table, generator: np.random.Generator) -> pa.Table:
    known = list(table.schema.metadata or {b"refused": b""})
    return table.replace_schema_metadata(
        {known[int(generator.integers(len(known)))]: generator.bytes(9).hex().encode()}
    )


CHANGES = (drop_column, rename_column, retype_column, change_values, change_values, change_values, change_rows,
           change_metadata)  # fmt: skip


def _column(table: pa.Table, generator: np.random.Generator) -> int:
    return int(generator.integers(table.num_columns))


def _replaced(table: pa.Table, index: int, column: pa.Array) -> pa.Table:
    return table.set_column(index, table.column_names[index], column)


def _other(value: object, generator: np.random.Generator) -> object:
    if generator.random() < 0.2:
        return None
    match value:
        case str():
            return TEXTS[int(generator.integers(len(TEXTS)))]
        case bytes():
            return value[: int(generator.integers(len(value) + 1))]
        case list():
            return [*value, *value][: int(generator.integers(2 * len(value) + 1))]
        case dict():
            return {key: _other(inner, generator) for key, inner in value.items()}
        case bool() | None:
            return None
    return (
        type(value)(generator.choice([0, 1]))
        if generator.random() < 0.2
        else EXTREMES[int(generator.integers(len(EXTREMES)))]
    )
