"""Tables of texts, of which a few bytes may stand for many."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shelfnet.data import text_tables
from shelfnet.data.text_tables import read_text_table

TEXTS = ["ä", None, "long " * 9, "ä"]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "table.parquet"


def everything(name):
    return True


@pytest.mark.parametrize("encoding", [None, "PLAIN", "DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY"])
@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()])
def test_texts_are_read_however_they_are_stored(path, kind, encoding):
    table = pa.table({"a": pa.array(TEXTS).cast(kind), "n": [1, 2, None, 4], "none": pa.nulls(4)})
    stored = {"use_dictionary": False, "column_encoding": {"a": encoding}} if encoding else {}
    pq.write_table(table, path, row_group_size=3, **stored)
    read = read_text_table(path, everything)
    assert read.columns == ("a", "n", "none")
    assert read.rows == [{"a": a, "n": n, "none": None} for a, n in zip(TEXTS, [1, 2, None, 4], strict=True)]


def test_dictionaries_of_texts_and_numbers_are_read(path):
    numbers = [7, 8, 7, 7]
    columns = {"a": pa.array(TEXTS).dictionary_encode(), "n": pa.array(numbers).dictionary_encode()}
    pq.write_table(pa.table(columns), path)
    expected = [{"a": a, "n": n} for a, n in zip(TEXTS, numbers, strict=True)]
    assert read_text_table(path, everything).rows == expected


def test_only_what_is_wanted_is_read_and_counted(path, monkeypatch):
    monkeypatch.setattr(text_tables, "MAX_TABLE_BYTES", 1 << 12)
    pq.write_table(pa.table({"a": ["x"], "picture": [b"x" * (1 << 14)]}), path)
    assert read_text_table(path, lambda name: name == "a").rows == [{"a": "x"}]


def test_a_small_dictionary_of_long_texts_is_counted_before_it_is_unpacked(path):
    n_rows, text = 100_000, "x" * 10_000
    pq.write_table(pa.table({"a": pa.DictionaryArray.from_arrays(pa.array([0] * n_rows, pa.int32()), [text])}), path)
    metadata = pq.read_metadata(path)
    assert path.stat().st_size < 100_000 and metadata.row_group(0).total_byte_size < 100_000
    before = pa.total_allocated_bytes()
    with pytest.raises(ValueError, match="at most 268435456 bytes when unpacked, got"):
        read_text_table(path, everything)
    assert pa.total_allocated_bytes() - before < 1 << 24


@pytest.mark.parametrize("encoding", ["PLAIN", "DELTA_BYTE_ARRAY"])
def test_texts_that_packing_shrinks_are_refused(path, monkeypatch, encoding):
    monkeypatch.setattr(text_tables, "MAX_TABLE_BYTES", 1 << 20)
    table = pa.table({"a": ["x" * 10_000] * 1000})
    pq.write_table(table, path, compression="zstd", use_dictionary=False, column_encoding={"a": encoding})
    assert path.stat().st_size < 1 << 17
    with pytest.raises(ValueError, match="at most 1048576 bytes when unpacked"):
        read_text_table(path, everything)


def test_a_column_that_is_there_twice_is_refused(path):
    pq.write_table(pa.table([pa.array(["x"]), pa.array(["y"])], names=["a", "a"]), path)
    with pytest.raises(ValueError, match="one column a, got 2"):
        read_text_table(path, everything)
