import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shelfnet.data.tables import cast_columns, read_parquet
from tests.fuzz.parquet_files import TAIL_BYTES, _start, _with_footer, _zigzag

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


@pytest.fixture
def state_values(tmp_path):
    """Write a table of one column, whose footer states a number of values; returns the file."""

    def write(column, stated):
        path = tmp_path / "table.parquet"
        pq.write_table(pa.table({"view": column}), path)
        content = path.read_bytes()
        footer = content[_start(content) : -TAIL_BYTES]
        before = b"\x15\x02\x16"  # the compression in Thrift's compact protocol, and the beginning of the number
        true = pq.read_metadata(path).row_group(0).column(0).num_values
        assert footer.count(before + _zigzag(true)) == 1
        path.write_bytes(_with_footer(content, footer.replace(before + _zigzag(true), before + _zigzag(stated))))
        return path

    return write


@pytest.mark.timeout(60)
@pytest.mark.parametrize("column", [[1, None, 3], ["a", "b", "c"], [[1], [2, 2], []]])
def test_reading_ends_whatever_number_of_values_a_file_states(state_values, column):
    assert read_parquet(state_values(column, 2**40)).to_pydict() == {"view": column}


def test_file_with_fewer_rows_than_it_states_is_refused(state_values):
    with pytest.raises(ValueError, match="damaged: 0 of 3 rows"):
        read_parquet(state_values([1, 2, 3], 0))
