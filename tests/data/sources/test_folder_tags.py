import logging
from pathlib import PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shelfnet.data.catalogue import tag_tables
from shelfnet.data.catalogue.model_info import DatasetError
from shelfnet.data.sources.folder import read_folder_tags

FILES = {
    "id-1": PurePosixPath("chairs/red.glb"),
    "id-2": PurePosixPath("chairs/blue.obj"),
    "id-3": PurePosixPath("sofas/red.glb"),
}


@pytest.fixture
def table(tmp_path):
    def write(text, encoding="utf-8"):
        (tmp_path / "tags.csv").write_text(text, encoding=encoding)
        return tmp_path / "tags.csv"

    return write


@pytest.mark.parametrize(
    "key", ["id-2", "chairs/blue.obj", "chairs/blue", "blue.obj", "blue", "BLUE.OBJ", "chairs\\blue.obj"]
)
def test_row_keys(table, key):
    tags = read_folder_tags(table(f"file,category,super-category\n{key},Armchair,Chair\n"), FILES)
    assert tags.keys() == {"id-2"}
    assert (tags["id-2"].category, tags["id-2"].super_category, tags["id-2"].style) == ("Armchair", "Chair", None)


def test_a_row_is_found_by_its_file_if_its_id_is_of_another_data_set(table):
    tags = read_folder_tags(table("model_id,file,category\nmine-7,chairs/blue.obj,Armchair\n"), FILES)
    assert {model_id: tag.category for model_id, tag in tags.items()} == {"id-2": "Armchair"}


def test_ambiguous_or_unknown_name_ignored(table, caplog):
    with caplog.at_level(logging.WARNING):
        assert read_folder_tags(table("file,category\nred.glb,Sofa\nabsent,Sofa\n,Sofa\n"), FILES) == {}
    assert "3 rows match no single model: 'red.glb', 'absent', ''" in caplog.text


def test_repeated_rows_are_counted(table, caplog):
    read_folder_tags(table("file,category\nblue.obj,Sofa\nBLUE,Chair\n"), FILES)
    assert "1 rows" in caplog.text and "'BLUE'" in caplog.text


def test_first_row_used_and_empty_cells_missing(table):
    tags = read_folder_tags(table("Model ID,Style,material\nid-1,,Wood\nid-1,Modern,\n", "utf-8-sig"), FILES)
    assert (tags["id-1"].style, tags["id-1"].material) == (None, "Wood")


def test_tags_cleaned(table):
    tags = read_folder_tags(table(f"file,style,category\nblue.obj,{'x' * 300},Arm\u202echair\n"), FILES)
    assert (tags["id-2"].style, tags["id-2"].category) == (None, "Armchair")


def test_parquet_types(tmp_path):
    columns = {"model_id": ["id-1", "id-3"], "category": ["Chair", None], "theme": [7, 8], "embedding": [[1.0], [2.0]]}
    pq.write_table(pa.table(columns), tmp_path / "tags.parquet")
    tags = read_folder_tags(tmp_path / "tags.parquet", FILES)
    assert (tags["id-1"].category, tags["id-1"].theme, tags["id-3"].category) == ("Chair", "7", None)


def test_unreadable_table_refused(tmp_path, table):
    with pytest.raises(DatasetError, match=r"tags\.csv: .*model_id or file .*name, style"):
        read_folder_tags(table("name,style\na,b\n"), FILES)
    with pytest.raises(DatasetError, match=r"model_id .*none"):
        read_folder_tags(table(""), FILES)
    (tmp_path / "x.csv").write_bytes(b"file,style\n\xff\xfe,b\n")
    with pytest.raises(DatasetError, match=r"x\.csv"):
        read_folder_tags(tmp_path / "x.csv", FILES)
    (tmp_path / "x.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(DatasetError, match=r"x\.parquet"):
        read_folder_tags(tmp_path / "x.parquet", FILES)
    with pytest.raises(DatasetError, match=r"absent\.csv"):
        read_folder_tags(tmp_path / "absent.csv", FILES)


@pytest.mark.parametrize("name", ["tags.csv", "tags.parquet"])
def test_long_table_refused(tmp_path, monkeypatch, name):
    monkeypatch.setattr(tag_tables, "MAX_ROWS", 3)
    monkeypatch.setattr(tag_tables, "_read_isolated", tag_tables._read_parquet)
    if name.endswith("csv"):
        (tmp_path / name).write_text("file\n" + "blue.obj\n" * 4)
    else:
        pq.write_table(pa.table({"file": ["blue.obj"] * 4}), tmp_path / name)
    with pytest.raises(DatasetError, match=rf"{name}: .*at most 3 rows, got 4 or more"):
        read_folder_tags(tmp_path / name, FILES)
