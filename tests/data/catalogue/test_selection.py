import logging

import pytest

from shelfnet.config.dataset import DatasetSettings
from shelfnet.data.catalogue.model_info import DatasetError, ModelInfo
from shelfnet.data.catalogue.selection import excluded_ids, select_models

INFOS = [
    ModelInfo("a", super_category="Chair", category="Lounge Chair / Cafe Chair"),
    ModelInfo("b", super_category="Chair", category="Barstool"),
    ModelInfo("c"),
]


def ids(**settings):
    return [info.model_id for info in select_models(INFOS, DatasetSettings(**settings))]


def test_categories_and_exclusions():
    assert ids() == ["a", "b", "c"]
    assert ids(super_categories=("chair",)) == ["a", "b"]
    assert ids(super_categories=("Chair",), exclude=("B",)) == ["a"]


def test_exclusion_file(tmp_path):
    path = tmp_path / "exclude.txt"
    path.write_text("\ufeff# broken ones\na  # no legs\n\n  b\r\n", encoding="utf-8")
    settings = DatasetSettings(exclude=str(path))
    assert excluded_ids(settings) == ("a", "b")
    assert [info.model_id for info in select_models(INFOS, settings)] == ["c"]
    with pytest.raises(DatasetError, match=r"dataset\.exclude: .*absent\.txt"):
        ids(exclude=str(tmp_path / "absent.txt"))
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DatasetError, match=r"dataset\.exclude"):
        ids(exclude=str(path))


def test_unknown_ids_warned(caplog):
    with caplog.at_level(logging.WARNING):
        assert ids(exclude=("x", "y", "a")) == ["b", "c"]
    assert "2 ids match no model: 'x', 'y'" in caplog.text


def test_empty_selection_refused():
    with pytest.raises(DatasetError, match=r"left of 3 .* 2 ids in dataset\.exclude; .*: \(none\), Chair"):
        ids(super_categories=("Chair",), exclude=("a", "b"))
