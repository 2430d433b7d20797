"""Tables of tags, including malformed ones."""

import unicodedata

import pandas as pd
import pytest

from shelfnet.data.catalogue import tag_tables
from shelfnet.data.catalogue.model_info import DatasetError
from shelfnet.data.photographs.catalogue import PhotoTags, TagTable, match_photos, read_photo_tags

ROWS = [
    {"photo": "a.jpg", "object_id": "007", "category": "Stool", "style": "None", "price": "12"},
    {"photo": "./b\\c.png", "object_id": None, "category": "Sofa", "style": None, "price": None},
]


@pytest.mark.parametrize("name", ["photographs.csv", "photographs.parquet"])
def test_csv_and_parquet_give_the_same_tags(tmp_path, name):
    table = pd.DataFrame(ROWS)
    if name.endswith("csv"):
        table.to_csv(tmp_path / name, index=False)
    else:
        table.to_parquet(tmp_path / name)
    read = read_photo_tags(tmp_path)
    assert read.tags == {
        "a.jpg": PhotoTags(object_id="007", category="Stool", style="None"),
        "b/c.png": PhotoTags(category="Sofa"),
    }
    assert read.refused == ()


def test_without_a_table_there_are_no_tags(tmp_path):
    read = read_photo_tags(tmp_path)
    assert (dict(read.tags), read.refused) == ({}, ())


def test_first_row_of_a_photograph_is_used(tmp_path):
    (tmp_path / "photographs.csv").write_text("photo,category\na.jpg,Stool\na.jpg,Sofa\n")
    assert read_photo_tags(tmp_path).tags["a.jpg"].category == "Stool"


def test_unsafe_object_ids_are_refused(tmp_path):
    (tmp_path / "photographs.csv").write_text("photo,object_id\na.jpg,../../etc\nb.jpg,fine\n")
    (refused,) = read_photo_tags(tmp_path).refused
    assert (refused.path, refused.model_id) == ("a.jpg", "../../etc")


def test_tags_are_printable_single_lines_of_bounded_length(tmp_path):
    table = pd.DataFrame([{"photo": "a.jpg", "caption": "two\n lines\x07", "style": "x" * 500}])
    table.to_parquet(tmp_path / "photographs.parquet")
    assert read_photo_tags(tmp_path).tags["a.jpg"] == PhotoTags(caption="two lines")


def test_cells_without_text_are_ignored(tmp_path, caplog):
    row = {"photo": "a.jpg", "category": ["Stool", "Chair"], "style": {"name": "Modern"}, "theme": 7, "material": b"x"}
    pd.DataFrame([row]).to_parquet(tmp_path / "photographs.parquet")
    assert read_photo_tags(tmp_path).tags == {"a.jpg": PhotoTags(theme="7")}
    assert "photographs.parquet: column category holds list<element: string>" in caplog.text


def test_photo_column_must_hold_text(tmp_path):
    pd.DataFrame([{"photo": ["a.jpg", "b.jpg"], "style": "Modern"}]).to_parquet(tmp_path / "photographs.parquet")
    with pytest.raises(DatasetError, match=r"photographs\.parquet: expected a column photo, got style"):
        read_photo_tags(tmp_path)


def test_table_of_too_many_bytes_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("shelfnet.data.catalogue.tag_tables.MAX_TABLE_BYTES", 1 << 20)
    monkeypatch.setattr("shelfnet.data.catalogue.tag_tables._read_isolated", tag_tables._read_parquet)
    table = pd.DataFrame({"photo": [f"{n}.jpg" for n in range(200)], "caption": "x" * 10_000})
    table.to_parquet(tmp_path / "photographs.parquet")
    with pytest.raises(DatasetError, match=r"photographs\.parquet: .*at most 1048576 bytes"):
        read_photo_tags(tmp_path)


@pytest.mark.parametrize("name", ["photographs.csv", "photographs.parquet"])
def test_table_of_too_many_rows_is_refused(tmp_path, monkeypatch, name):
    monkeypatch.setattr("shelfnet.data.catalogue.tag_tables.MAX_ROWS", 3)
    monkeypatch.setattr("shelfnet.data.catalogue.tag_tables._read_isolated", tag_tables._read_parquet)
    table = pd.DataFrame({"photo": [f"{n}.jpg" for n in range(4)]})
    table.to_csv(tmp_path / name) if name.endswith("csv") else table.to_parquet(tmp_path / name)
    with pytest.raises(DatasetError, match="at most 3 rows, got 4 or more"):
        read_photo_tags(tmp_path)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"photographs.csv": "photo\n", "photographs.parquet": "x"}, "found both"),
        ({"photographs.csv": "file,category\na.jpg,Stool\n"}, "expected a column photo, got file, category"),
        ({"photographs.parquet": "no parquet"}, "expected a CSV or Parquet table of tags"),
        ({"photographs.csv": 'photo,a\n"unclosed\n'}, "expected a CSV or Parquet table of tags"),
    ],
)
def test_unusable_tables_are_refused(tmp_path, files, message):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(DatasetError, match=message):
        read_photo_tags(tmp_path)


PHOTOS = ("images/chair0.jpg", "images/chair1.jpg", "images/chair2.jpg", "images/é.JPG", "a/x.jpg", "b/x.jpg")


def table_of(*rows):
    return TagTable({row: PhotoTags(category=str(number)) for number, row in enumerate(rows)}, ())


def test_rows_find_their_photographs(caplog):
    rows = ("chair0.jpg", "images/chair1", "images\\CHAIR2.JPG", unicodedata.normalize("NFD", "é"))
    matched = match_photos(table_of(*rows), PHOTOS)
    assert {photo: tags.category for photo, tags in matched.tags.items()} == dict(zip(PHOTOS, "0123", strict=False))
    assert matched.refused == ()
    assert not caplog.records


def test_rows_without_a_photograph_are_counted_named_and_refused(caplog):
    matched = match_photos(table_of("chair0.jpg", "gone.jpg", "x.jpg"), PHOTOS)
    assert list(matched.tags) == ["images/chair0.jpg"]
    assert [row.path for row in matched.refused] == ["gone.jpg", "x.jpg"]
    assert "2 of 3 rows" in caplog.text and "'gone.jpg', 'x.jpg'" in caplog.text


def test_rows_that_name_one_photograph_differently_are_counted(caplog):
    matched = match_photos(table_of("chair0.jpg", "images/chair0.jpg"), PHOTOS)
    assert matched.tags["images/chair0.jpg"].category == "0"
    assert "1 rows" in caplog.text and "'images/chair0.jpg'" in caplog.text


def test_refused_rows_name_the_photograph_on_disk(tmp_path):
    (tmp_path / "photographs.csv").write_text("photo,object_id\nchair0,../../etc\n")
    (refused,) = match_photos(read_photo_tags(tmp_path), PHOTOS).refused
    assert refused.path == "images/chair0.jpg"


def test_rows_without_a_name_are_counted(tmp_path, caplog):
    (tmp_path / "photographs.csv").write_text("photo,style\n,Modern\na.jpg,Modern\n,Rustic\n")
    assert list(read_photo_tags(tmp_path).tags) == ["a.jpg"]
    assert "2 rows" in caplog.text
