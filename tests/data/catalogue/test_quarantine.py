import csv

import pytest

from shelfnet.data.catalogue.quarantine import (
    AllRefusedError,
    Quarantined,
    read_quarantine,
    require_usable,
    write_quarantine,
)


def test_round_trip(tmp_path):
    rows = (Quarantined("a", "catalogue", 'says "no", twice', "a/raw_model.obj"), Quarantined("椅子", "render", "", ""))
    write_quarantine(tmp_path / "folder" / "quarantine.csv", rows)
    assert read_quarantine(tmp_path / "folder" / "quarantine.csv") == rows
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["quarantine.csv"]


def test_empty_file_has_columns(tmp_path):
    write_quarantine(tmp_path / "quarantine.csv", [])
    assert (tmp_path / "quarantine.csv").read_text().strip() == "model_id,stage,reason,path"
    assert read_quarantine(tmp_path / "quarantine.csv") == ()


def test_texts_sanitised(tmp_path):
    rows = [Quarantined("=cmd()", "catalogue", "line\nbreak \x1b[31m \ud800", "x" * 1000)]
    write_quarantine(tmp_path / "quarantine.csv", rows)
    with (tmp_path / "quarantine.csv").open(newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert row["model_id"] == "'=cmd()"
    assert row["reason"] == "line\\nbreak \\x1b[31m \\ud800"
    assert row["path"] == "x" * 300


def test_other_columns_refused(tmp_path):
    (tmp_path / "quarantine.csv").write_text("id,why\n")
    with pytest.raises(ValueError, match="expected the columns"):
        read_quarantine(tmp_path / "quarantine.csv")


@pytest.mark.parametrize(("n_examined", "n_refused"), [(0, 0), (3, 0), (3, 2)])
def test_partly_refused_shard_accepted(n_examined, n_refused):
    require_usable([Quarantined("a", "render", "blank", "a.obj")] * n_refused, n_examined)


def test_fully_refused_shard_raises():
    rows = [Quarantined(name, "render", f"reason {name}", "") for name in "abcd"]
    message = r"^all 4 photographs of the shard are refused, .* 'a': reason a; 'b': reason b; 'c': reason c$"
    with pytest.raises(AllRefusedError, match=message):
        require_usable(rows, 4, "photographs")
