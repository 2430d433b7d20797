import pyarrow as pa
import pytest

from shelfnet.data.tables import cast_columns

SCHEMA = pa.schema([("name", pa.string()), ("view", pa.int32()), ("tag", pa.string())])


def test_columns_are_cast_and_ordered():
    table = pa.table({"view": pa.array([1.0, 2.0]), "other": [0, 0], "name": pa.array(["a", "b"]).dictionary_encode()})
    result = cast_columns(table, SCHEMA, ["name", "view"], ())
    assert result.schema == pa.schema([SCHEMA.field("name"), SCHEMA.field("view")])
    assert result.to_pydict() == {"name": ["a", "b"], "view": [1, 2]}
    assert cast_columns(table.to_batches()[0], SCHEMA, ["view"], ()).to_pydict() == {"view": [1, 2]}


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pa.table({"name": ["a"]}), "expected one column view, got 0"),
        (pa.table([[1], [2]], names=["view", "view"]), "expected one column view, got 2"),
        (pa.table({"view": [1, None]}), "column view: expected a value in every row, got 1 nulls"),
        (pa.table({"view": ["x"]}), "column view: expected int32"),
        (pa.table({"view": [1.5]}), "column view: expected int32"),
        (pa.table({"view": [2**40]}), "column view: expected int32"),
        (pa.table({"view": [[1]]}), "column view: expected int32"),
    ],
)
def test_mismatched_columns_refused(table, message):
    with pytest.raises(ValueError, match=message):
        cast_columns(table, SCHEMA, ["view"], ("tag",))


def test_nullable_column():
    assert cast_columns(pa.table({"tag": pa.nulls(2)}), SCHEMA, ["tag"], ("tag",)).to_pydict() == {"tag": [None, None]}
