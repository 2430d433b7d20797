"""Tables of tags, in which a few bytes can stand for many."""

import os
from pathlib import PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shelfnet.data.catalogue import tag_tables
from shelfnet.data.catalogue.model_info import DatasetError
from shelfnet.data.catalogue.tag_tables import read_parquet_columns, read_tag_table
from shelfnet.data.photographs.catalogue import read_photo_tags
from shelfnet.data.sources.folder import read_folder_tags
from shelfnet.data.tags import tags_of

TEXTS = ["ä", None, "long " * 9, "ä"]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "table.parquet"


def everything(name):
    return True


@pytest.mark.parametrize("encoding", [None, "PLAIN", "DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY"])
@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()])
def test_parquet_text_encodings(path, kind, encoding):
    table = pa.table({"a": pa.array(TEXTS).cast(kind), "n": [1, 2, None, 4], "none": pa.nulls(4)})
    stored = {"use_dictionary": False, "column_encoding": {"a": encoding}} if encoding else {}
    pq.write_table(table, path, row_group_size=3, **stored)
    read = read_parquet_columns(path, everything)
    assert read.columns == ("a", "n", "none")
    assert read.rows == [{"a": a, "n": n, "none": None} for a, n in zip(TEXTS, [1, 2, None, 4], strict=True)]


def test_parquet_dictionaries(path):
    numbers = [7, 8, 7, 7]
    columns = {"a": pa.array(TEXTS).dictionary_encode(), "n": pa.array(numbers).dictionary_encode()}
    pq.write_table(pa.table(columns), path)
    expected = [{"a": a, "n": n} for a, n in zip(TEXTS, numbers, strict=True)]
    assert read_parquet_columns(path, everything).rows == expected


def test_only_wanted_columns_counted(path, monkeypatch):
    monkeypatch.setattr(tag_tables, "MAX_TABLE_BYTES", 1 << 12)
    pq.write_table(pa.table({"a": ["x"], "image": [b"x" * (1 << 14)]}), path)
    assert read_parquet_columns(path, lambda name: name == "a").rows == [{"a": "x"}]


def test_dictionary_bomb_refused(path):
    n_rows, text = 100_000, "x" * 10_000
    pq.write_table(pa.table({"a": pa.DictionaryArray.from_arrays(pa.array([0] * n_rows, pa.int32()), [text])}), path)
    metadata = pq.read_metadata(path)
    assert path.stat().st_size < 100_000 and metadata.row_group(0).total_byte_size < 100_000
    before = pa.total_allocated_bytes()
    with pytest.raises(ValueError, match="at most 268435456 bytes"):
        read_parquet_columns(path, everything)
    assert pa.total_allocated_bytes() - before < 1 << 24


@pytest.mark.parametrize("encoding", ["PLAIN", "DELTA_BYTE_ARRAY"])
def test_delta_encoding_bomb_refused(path, monkeypatch, encoding):
    monkeypatch.setattr(tag_tables, "MAX_TABLE_BYTES", 1 << 20)
    table = pa.table({"a": ["x" * 10_000] * 1000})
    pq.write_table(table, path, compression="zstd", use_dictionary=False, column_encoding={"a": encoding})
    assert path.stat().st_size < 1 << 17
    with pytest.raises(ValueError, match="at most 1048576 bytes"):
        read_parquet_columns(path, everything)


def test_duplicate_column_refused(path):
    pq.write_table(pa.table([pa.array(["x"]), pa.array(["y"])], names=["a", "a"]), path)
    with pytest.raises(ValueError, match="one column a, got 2"):
        read_parquet_columns(path, everything)


def write(path, columns):
    """A table of texts and numbers as CSV or Parquet."""
    if path.suffix == ".parquet":
        pq.write_table(pa.table(columns), path)
    else:
        rows = zip(*columns.values(), strict=True)
        lines = [columns, *(["" if cell is None else str(cell) for cell in row] for row in rows)]
        path.write_text("".join(",".join(line) + "\n" for line in lines))
    return path


@pytest.mark.parametrize("kind", ["csv", "parquet", "PARQUET"])
def test_column_names_folded_and_empty_cells_dropped(tmp_path, kind):
    columns = {" Photo": ["007", "b", None], "Super-Category": ["None", " ", ""], "price": [1, 2, 3]}
    path = write(tmp_path / f"x.{kind.lower()}", columns).rename(tmp_path / f"x.{kind}")
    assert read_tag_table(path, ("photo",), ("super_category", "style")) == [
        {"photo": "007", "super_category": "None"},
        {"photo": "b"},
        {},
    ]


def test_numbers_become_texts(path):
    columns = {"a": ["x"] * 4, "n": [1960, 7, None, -1], "f": [1960.0, 0.5, None, float("nan")], "b": [True] * 4}
    pq.write_table(pa.table(columns), path)
    rows = read_tag_table(path, ("a",), ("n", "f", "b"))
    assert [(row.get("n"), row.get("f"), row["b"]) for row in rows] == [
        ("1960", "1960", "True"),
        ("7", "0.5", "True"),
        (None, None, "True"),
        ("-1", None, "True"),
    ]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_folders_and_photographs_read_alike(tmp_path, kind):
    """The same table for models and for photographs, except for the key column."""
    columns = {"Category": ["Stool", "Sofa"], "STYLE": [1960, 2000], "super category": ["Chair", None]}
    folder = write(tmp_path / f"tags.{kind}", {"File": ["a.glb", "b.glb"], **columns})
    write(tmp_path / f"photographs.{kind}", {"Photo": ["a.jpg", "b.jpg"], **columns})
    of_models = read_folder_tags(folder, {name: PurePosixPath(f"{name}.glb") for name in "ab"})
    of_photos = read_photo_tags(tmp_path).tags
    assert tags_of(of_models["a"]) == tags_of(of_photos["a.jpg"])
    assert tags_of(of_models["b"]) == tags_of(of_photos["b.jpg"])
    first = of_photos["a.jpg"]
    assert (first.category, first.style, first.super_category, first.theme) == ("Stool", "1960", "Chair", None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a column photo or file, got none"),
        ("name;style\na;b\n", "a column photo or file, got name;style"),
        ("photo,style,Style\na,b,c\n", "one column style, got 2"),
        ("photo,style\na,b\nc,d,e\n", "2 values per row, got 3 in line 3"),
        ('photo\n"unclosed\n', "unexpected end of data"),
    ],
)
def test_unusable_csv_refused(tmp_path, text, message):
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(DatasetError, match=rf"x\.csv: .*{message}"):
        read_tag_table(tmp_path / "x.csv", ("photo", "file"), ("style",))


def test_unwanted_columns_and_trailing_commas_ignored(tmp_path):
    (tmp_path / "x.csv").write_text("photo,price,price,style\na,1,2,Modern,,\n\nb,1\n")
    assert read_tag_table(tmp_path / "x.csv", ("photo",), ("style",)) == [
        {"photo": "a", "style": "Modern"},
        {"photo": "b"},
    ]


def test_case_insensitive_duplicate_in_parquet_refused(path):
    pq.write_table(pa.table({"a": ["x"], "Style": ["y"], "style": ["z"]}), path)
    with pytest.raises(DatasetError, match=r"table\.parquet: .*one column style, got 2"):
        read_tag_table(path, ("a",), ("style",))


def test_large_file_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(tag_tables, "MAX_BYTES", 10)
    (tmp_path / "x.csv").write_text("photo\n12345\n")
    with pytest.raises(DatasetError, match=r"x\.csv: .*at most 10 bytes, got 12"):
        read_tag_table(tmp_path / "x.csv", ("photo",), ())


def aborting_table(path):
    """Write a table that ends the process that reads it: pyarrow raises an exception in code that must not raise.

    Its histogram of definition levels (list of two numbers, 0 and 1) has lost a number.
    """
    pq.write_table(pa.table({"file": ["a.obj"], "photo": ["a.jpg"]}), path, compression="none")
    content = path.read_bytes()
    footer = content[-8 - int.from_bytes(content[-8:-4], "little") : -8]
    damaged = footer.replace(b"\x19\x26\x00\x02", b"\x19\x16\x02")
    assert len(damaged) == len(footer) - 2
    path.write_bytes(content[: -8 - len(footer)] + damaged + len(damaged).to_bytes(4, "little") + b"PAR1")


def test_table_that_ends_its_reader_is_refused_in_one_line(tmp_path):
    path = tmp_path / "photographs.parquet"
    aborting_table(path)
    for read in (read_photo_tags, lambda root: read_folder_tags(path, {})):
        with pytest.raises(DatasetError, match=r"^.*photographs\.parquet: damaged: reading it crashed with SIGABRT$"):
            read(tmp_path)


def test_table_in_a_pipe_is_refused(tmp_path):
    for name in ("tags.parquet", "tags.csv"):
        os.mkfifo(tmp_path / name)
        with pytest.raises(DatasetError, match=f"{name}: .*expected a file"):
            read_tag_table(tmp_path / name, ("file",), ())
