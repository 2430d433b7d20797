import ctypes
import json
import logging
import os

import pyarrow.parquet as pq
import pytest

from shelfnet.config.dataset import DatasetSettings
from shelfnet.data.catalogue import models as catalogue
from shelfnet.data.catalogue.model_info import DatasetError
from shelfnet.data.catalogue.models import SCHEMA, make_catalogue, read_models, write_models

SETTINGS = DatasetSettings(kind="3d_future")


def test_usable_model(tmp_path, write_dataset):
    root = write_dataset(tmp_path / "data", "a")
    found = make_catalogue(root, SETTINGS, n_shards=1)
    (model,) = found.models
    assert (model.model_id, model.shard, model.obj_path) == ("a", 0, "a/raw_model.obj")
    assert (model.n_vertices, model.n_faces, model.longest_side_m) == (8, 12, 2.0)
    assert model.caption == "A Modern Dining Chair made out of Wood"
    assert (model.super_category, model.theme, model.textured) == ("Chair", None, True)
    assert found.quarantined == ()


def test_shards_by_sorted_rank(tmp_path, write_dataset):
    forward = make_catalogue(write_dataset(tmp_path / "x", *"edcba"), SETTINGS, n_shards=2)
    backward = make_catalogue(write_dataset(tmp_path / "y", *"abcde"), SETTINGS, n_shards=2)
    shards = {model.model_id: model.shard for model in forward.models}
    assert shards == {"a": 0, "b": 1, "c": 0, "d": 1, "e": 0}
    assert forward == backward


def test_splits_stable_when_models_added(tmp_path, write_dataset):
    few = make_catalogue(write_dataset(tmp_path / "x", *"abcdefgh"), SETTINGS, 1).models
    many = make_catalogue(write_dataset(tmp_path / "y", *"abcdefghijklmnopqrstuvwxyz"), SETTINGS, 1).models
    splits = {model.model_id: model.split for model in many}
    assert all(splits[model.model_id] == model.split for model in few)
    assert set(splits.values()) == {"train", "validation", "test"}


def test_linked_models_are_usable(tmp_path, write_dataset, box):
    root = write_dataset(tmp_path / "data", *"ab")
    (tmp_path / "outside.obj").write_text(box)
    (root / "a" / "raw_model.obj").unlink()
    (root / "a" / "raw_model.obj").symlink_to("../../outside.obj")
    (root / "b").rename(tmp_path / "elsewhere")
    (root / "b").symlink_to("../elsewhere")
    assert [model.model_id for model in make_catalogue(root, SETTINGS, 1).models] == ["a", "b"]


def test_folder_that_is_a_broken_link_is_named(tmp_path, write_dataset):
    root = write_dataset(tmp_path / "data", *"ab")
    (root / "b").rename(tmp_path / "elsewhere")
    (root / "b").symlink_to("/mnt/unmounted/b")
    (refused,) = make_catalogue(root, SETTINGS, 1).quarantined
    assert refused.reason == "b is a link to /mnt/unmounted/b, which does not exist"


def test_unusable_models_quarantined(tmp_path, write_dataset):
    root = write_dataset(tmp_path / "data", *"abcdef")
    (root / "b" / "raw_model.obj").write_text("v 0 0 0\n")
    (root / "c" / "raw_model.obj").unlink()
    for file in (root / "d").iterdir():
        file.unlink()
    (root / "d").rmdir()
    (root / "e" / "raw_model.obj").unlink()
    (root / "e" / "raw_model.obj").symlink_to("../../outside.obj")
    found = make_catalogue(root, SETTINGS, 1)
    assert [model.model_id for model in found.models] == ["a", "f"]
    reasons = {row.model_id: row.reason for row in found.quarantined}
    assert reasons == {
        "b": "raw_model.obj: expected faces, got none (1 vertices)",
        "c": "raw_model.obj is not there",
        "d": "no folder of this name",
        "e": "raw_model.obj is a link to ../../outside.obj, which does not exist",
    }
    assert (found.quarantined[0].stage, found.quarantined[0].path) == ("catalogue", "b/raw_model.obj")


def make_failing(root, max_faces):
    measure = make_measure(root, max_faces)

    def failing(folder):
        match folder.name:
            case "b":
                ctypes.string_at(0)
            case "c":
                raise KeyError("surprise")
            case "d":
                while True:
                    pass
        return measure(folder)

    return failing


make_measure = catalogue._make_measure


def test_unexpected_error_quarantines_one_model(tmp_path, write_dataset, monkeypatch):
    root = write_dataset(tmp_path / "data", *"abcde")
    monkeypatch.setattr(catalogue, "_make_measure", make_failing)
    found = make_catalogue(root, SETTINGS.model_copy(update={"model_timeout_s": 1.0}), 1)
    assert [model.model_id for model in found.models] == ["a", "e"]
    reasons = [row.reason for row in found.quarantined]
    assert reasons == ["crashed with SIGSEGV", "KeyError: 'surprise'", "timed out after 1 s"]


def test_texture_faults_keep_model_untextured(tmp_path, write_dataset, png):
    root = write_dataset(tmp_path / "data", "absent", "html", "link", "good")
    (root / "absent" / "texture.png").unlink()
    (root / "html" / "texture.png").write_text("<html>")
    secret = tmp_path / "secret.png"
    secret.write_bytes((root / "good" / "texture.png").read_bytes())
    (root / "link" / "texture.png").unlink()
    (root / "link" / "texture.png").symlink_to(secret)
    found = make_catalogue(root, SETTINGS, 1)
    assert {model.model_id: model.textured for model in found.models} == {
        "absent": False,
        "html": False,
        "link": False,
        "good": True,
    }


def test_refused_entries_quarantined(tmp_path, write_dataset, write_list):
    root = write_dataset(tmp_path / "data", "a")
    write_list(root, [{"model_id": "a"}, {"model_id": "../../a"}, 7])
    found = make_catalogue(root, SETTINGS, 1)
    assert [(row.model_id, row.path) for row in found.quarantined] == [("", ""), ("../../a", "")]
    assert found.models[0].caption == "A Piece of Furniture"


def test_filters_ignore_case_and_blanks(tmp_path, write_dataset, write_list):
    root = write_dataset(tmp_path / "data", *"abc")
    tags = [("a", "Chair", "Lounge Chair / Cafe Chair"), ("b", "Chair", "Barstool"), ("c", None, None)]
    write_list(root, [{"model_id": i, "super-category": s, "category": c} for i, s, c in tags])

    def ids(**filters):
        return [model.model_id for model in make_catalogue(root, DatasetSettings(**filters), 1).models]

    assert ids() == ["a", "b", "c"]
    assert ids(super_categories=("chair",)) == ["a", "b"]
    assert ids(categories=("lounge chair/cafe chair",)) == ["a"]
    assert ids(super_categories=("Chair",), categories=("Barstool", "Desk")) == ["b"]


def test_empty_selection_refused(tmp_path, write_dataset):
    root = write_dataset(tmp_path / "data", "a")
    with pytest.raises(DatasetError, match=r"no model is left of 1 with .*super_categories \['Sofa'\].*: Chair"):
        make_catalogue(root, DatasetSettings(super_categories=("Sofa",)), 1)


def test_max_models_counts_usable(tmp_path, write_dataset):
    root = write_dataset(tmp_path / "data", *"abcdefgh")
    chosen = [
        {model.model_id for model in make_catalogue(root, DatasetSettings(max_models=count), 1).models}
        for count in (1, 3, 8)
    ]
    assert [len(ids) for ids in chosen] == [1, 3, 8]
    assert chosen[0] < chosen[1] < chosen[2]
    (first,) = chosen[0]
    (root / first / "raw_model.obj").write_text("")
    found = make_catalogue(root, DatasetSettings(max_models=1), 1)
    assert len(found.models) == 1
    assert [row.model_id for row in found.quarantined] == [first]


def test_all_quarantined_refused(tmp_path, write_dataset):
    root = write_dataset(tmp_path / "data", "a", "b")
    for name in "ab":
        (root / name / "raw_model.obj").write_text("nothing")
    with pytest.raises(DatasetError, match=r"all 2 models .*'[ab]': raw_model.obj: expected faces"):
        make_catalogue(root, SETTINGS, 1)


def test_all_entries_refused(tmp_path, write_list):
    write_list(tmp_path, [1, 2])
    with pytest.raises(DatasetError, match="all 2 models are quarantined"):
        make_catalogue(tmp_path, SETTINGS, 1)


def test_implausible_size_warned(tmp_path, write_dataset, caplog):
    root = write_dataset(tmp_path / "data", "a")
    content = (root / "a" / "raw_model.obj").read_text()
    (root / "a" / "raw_model.obj").write_text(content.replace("v 2", "v 200"))
    with caplog.at_level(logging.WARNING):
        assert make_catalogue(root, SETTINGS, 1).models[0].longest_side_m == 200.0
    assert "longest side of 200 m" in caplog.text


def test_unlisted_models_warned(tmp_path, write_dataset, write_model, caplog):
    root = write_dataset(tmp_path / "data", "a", "B")
    (root / "B").rename(root / "b")
    entries = json.loads((root / "model_info.json").read_text())
    (root / "model_info.json").write_text(json.dumps([*entries, {"model_id": ".hidden"}]))
    for name in (os.fsdecode(b"chair\xff"), "two\nlines", "part/inner", ".hidden", *"vwxyz"):
        write_model(root, name)
    (root / "no model").mkdir()
    with caplog.at_level(logging.WARNING):
        assert len(make_catalogue(root, SETTINGS, 1).models) == 2
    (told,) = [record.getMessage() for record in caplog.records if "does not list" in record.getMessage()]
    shown = "'chair\\udcff', 'inner', 'two\\nlines', 'v', 'w' and 3 more"
    assert told == f"{root}: 8 folders with models that model_info.json does not list: {shown}"
    assert told.encode("utf-8")


def test_round_trip(tmp_path, write_dataset):
    models = make_catalogue(write_dataset(tmp_path / "data", *"abcd"), SETTINGS, 3).models
    write_models(tmp_path / "out" / "models.parquet", models)
    assert read_models(tmp_path / "out" / "models.parquet") == models
    assert [model.model_id for model in read_models(tmp_path / "out" / "models.parquet", shard=0)] == ["a", "d"]
    assert pq.read_schema(tmp_path / "out" / "models.parquet").equals(SCHEMA)


def test_invalid_catalogue_refused(tmp_path, write_dataset):
    path = tmp_path / "models.parquet"
    path.write_bytes(b"no")
    with pytest.raises(ValueError, match=r"models\.parquet"):
        read_models(path)
    write_models(path, [])
    pq.write_table(pq.read_table(path).drop_columns(["caption"]), path)
    with pytest.raises(ValueError, match=r"models\.parquet: .*caption"):
        read_models(path)
