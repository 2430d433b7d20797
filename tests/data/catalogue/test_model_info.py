import json
import logging

import pytest

from shelfnet.data.catalogue import model_info
from shelfnet.data.catalogue.model_info import DatasetError, is_safe_id, read_model_info

TAGS = {"super-category": "Chair", "category": "Desk", "style": None, "theme": "Lines", "material": "Wood"}
GOOD = {"model_id": "good", **TAGS}


def read(tmp_path, content: str | bytes):
    path = tmp_path / "model_info.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_model_info(path)


def test_tags_are_read(tmp_path):
    (info,), refused = read(tmp_path, json.dumps([GOOD]))
    assert (info.model_id, info.super_category, info.category) == ("good", "Chair", "Desk")
    assert (info.style, info.theme, info.material) == (None, "Lines", "Wood")
    assert refused == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings(tmp_path, encoding):
    content = json.dumps([GOOD | {"style": "Möbel 椅子"}], ensure_ascii=False).encode(encoding)
    (info,), _ = read(tmp_path, content)
    assert info.style == "Möbel 椅子"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "JSON"),
        (b"[]", "empty list"),
        (b'{"good": {}}', "dict"),
        (b'[{"model_id": "go', "Unterminated"),
        (b'{"model_id": "a"}\n{"model_id": "b"}', "Extra data"),
        (b"[" * 20_000, "nested too deeply"),
        (b"\xff\xfe\xff", "JSON"),
        (b"\x80\x81", "JSON"),
    ],
)
def test_unreadable_list_refused(tmp_path, content, message):
    with pytest.raises(DatasetError, match=message) as caught:
        read(tmp_path, content)
    assert "model_info.json" in str(caught.value)


def test_missing_list_or_folder_refused(tmp_path):
    for path in (tmp_path / "model_info.json", tmp_path):
        with pytest.raises(DatasetError):
            read_model_info(path)


def test_huge_list_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(model_info, "MAX_BYTES", 10)
    with pytest.raises(DatasetError, match="10 bytes"):
        read(tmp_path, json.dumps([GOOD]))


def test_bad_entries_quarantined(tmp_path):
    bad = [1, "x", None, [], {}, {"model_id": 5}, {"model_id": None}, {"model_id": ["a"]}, {"model_id": "../x"}]
    infos, refused = read(tmp_path, json.dumps([*bad, GOOD]))
    assert [info.model_id for info in infos] == ["good"]
    assert len(refused) == len(bad)
    assert refused[0].reason == "model_info.json entry 0: expected an object, got int"
    assert refused[5].reason == "model_info.json entry 5: expected a string as model_id, got int"
    assert (refused[8].model_id, refused[8].stage) == ("../x", "catalogue")


def test_missing_and_unknown_keys(tmp_path):
    (info,), refused = read(tmp_path, json.dumps([{"model_id": "a", "super_category": "x", "price": 3}]))
    assert info == model_info.ModelInfo("a")
    assert refused == []


def test_nan_literals_and_duplicate_keys(tmp_path):
    content = '[{"model_id": "a", "style": NaN, "theme": Infinity, "category": "x", "category": "y"}]'
    (info,), _ = read(tmp_path, content)
    assert (info.style, info.theme, info.category) == (None, None, "y")


def test_non_text_tags_ignored_with_warning(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        (info,), _ = read(tmp_path, json.dumps([GOOD | {"style": 3.5, "material": ["Wood"], "theme": "x" * 1000}]))
    assert (info.style, info.material, info.theme) == (None, None, None)
    assert "model good: style is a float" in caplog.text
    assert "theme has 1000 characters" in caplog.text


def test_tags_cleaned(tmp_path):
    evil = "\x1b[31m Wood\n\u202eand\u0000 \ud800 Metal  "
    (info,), _ = read(tmp_path, json.dumps([GOOD | {"material": evil, "style": " \n"}]))
    assert info.material == "[31m Wood and Metal"
    assert info.style is None


def test_first_of_equal_ids_used(tmp_path, caplog):
    entries = [GOOD, GOOD | {"category": "Bar"}, GOOD | {"model_id": "GOOD"}]
    (info,), refused = read(tmp_path, json.dumps(entries))
    assert info.category == "Desk"
    assert refused == []
    assert "repeats GOOD" in caplog.text


@pytest.mark.parametrize(
    "model_id", ["0e0c9349-3e73-4623-bee0-feb9cab75dd8", "chair_1.v2", "modèle 椅子 🪑", "é", "a", "x" * 128, "console"]
)
def test_safe_ids(model_id):
    assert is_safe_id(model_id)


@pytest.mark.parametrize(
    "model_id",
    [
        *("", ".", "..", "../x", "/etc", "a/b", "a\\b", "C:x", "x\0y", "x\ny", "x" * 129, "椅" * 100),
        *("CON", "nul.txt", "com1", "-rf", ".hidden", "$(x)", "; rm", "%2e", "~root", "*", "?", "=1"),
        *("\u202egnp", " lead", "trail ", "dot.", "\ud800"),
        *("a'b", 'a"b', "<b>", "a|b", "a\u200bb"),
    ],
)
def test_unsafe_ids(model_id):
    assert not is_safe_id(model_id)


def test_list_entry_round_trip(tmp_path):
    info = model_info.ModelInfo("a", super_category="Chair", category="Stool", theme="Lines", material="Wood")
    (read_again,), _ = read(tmp_path, json.dumps([model_info.list_entry(info)]))
    assert read_again == info
    assert model_info.list_entry(info)["super-category"] == "Chair"
