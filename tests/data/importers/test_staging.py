import json
from pathlib import Path

import pytest
import trimesh

from shelfnet.config.dataset import DatasetSettings
from shelfnet.data.catalogue.dataset_layout import find_root, model_folders
from shelfnet.data.catalogue.model_info import DatasetError, read_model_info
from shelfnet.data.importers.staging import stage_models
from shelfnet.data.sources.folder import find_models, models_of

SETTINGS = DatasetSettings(kind="folder")


def write_boxes(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for height, name in enumerate(names, start=1):
        trimesh.creation.box((1, height, 1)).export(folder / name)
    return folder


def stage(source, target, settings=SETTINGS):
    models, _ = find_models(source, None)
    return stage_models([model.info for model in models], models_of(models), target, settings)


def inodes(target: Path):
    return {path.parent.name[0]: path.stat().st_ino for path in target.rglob("raw_model.obj")}


def test_broken_models_are_quarantined(tmp_path):
    source = write_boxes(tmp_path / "in", "a.glb", "b.ply", "c.stl", "d.obj")
    (source / "broken.glb").write_bytes(b"glTF")
    (source / "outside.glb").symlink_to(source / "a.glb")
    (refused,) = stage(source, tmp_path / "out")
    assert (refused.stage, refused.path) == ("stage_dataset", "broken.glb")
    assert refused.reason.startswith("broken.glb: ")
    root = find_root(tmp_path / "out")
    infos, _ = read_model_info(root / "model_info.json")
    assert [info.model_id[0] for info in infos] == ["a", "b", "c", "d"]
    assert sorted(model_folders(root)) == [info.model_id for info in infos]
    assert not (tmp_path / "out.partial").exists()


def test_only_changed_models_are_converted_again(tmp_path):
    source = write_boxes(tmp_path / "in", "a.glb", "b.obj", "c.glb", "d.glb")
    stage(source, tmp_path / "out")
    before = inodes(tmp_path / "out")
    trimesh.creation.box((3, 3, 3)).export(source / "c.glb")
    (source / "new.mtl").write_text("")  # an OBJ may read what lies beside it
    (excluded,) = (path.name for path in (tmp_path / "out" / "3D-FUTURE-model").glob("d-*"))
    stage(source, tmp_path / "out", DatasetSettings(kind="folder", exclude=(excluded,)))
    after = inodes(tmp_path / "out")
    assert after.keys() == {"a", "b", "c"}
    assert {name for name in after if after[name] == before[name]} == {"a"}


def test_other_settings_convert_again(tmp_path):
    source = write_boxes(tmp_path / "in", "a.stl")
    stage(source, tmp_path / "out")
    before = inodes(tmp_path / "out")
    stage(source, tmp_path / "out", DatasetSettings.model_validate({"kind": "folder", "folder": {"unit_m": 0.5}}))
    assert inodes(tmp_path / "out") != before


def test_interrupted_staging_continues(tmp_path, monkeypatch):
    source = write_boxes(tmp_path / "in", "a.glb", "b.glb")
    models, _ = find_models(source, None)
    by_id = models_of(models)

    def interrupted(infos):
        found, refused = by_id(infos)
        return [found[0], None], refused  # as a crash between two models

    with pytest.raises(AttributeError):
        stage_models([model.info for model in models], interrupted, tmp_path / "out", SETTINGS)
    kept = inodes(tmp_path / "out.partial")
    assert len(kept) == 1
    stage(source, tmp_path / "out")
    assert inodes(tmp_path / "out").items() > kept.items()


def test_max_models_counts_usable_models(tmp_path):
    source = write_boxes(tmp_path / "in", *(f"{name}.stl" for name in "abcd"))
    for name in "efgh":
        (source / f"{name}.stl").write_bytes(b"")
    refused = stage(source, tmp_path / "out", DatasetSettings(kind="folder", max_models=3))
    assert len(inodes(tmp_path / "out")) == 3
    assert len(refused) <= 4


def test_no_usable_model_is_an_error(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.glb").write_bytes(b"")
    with pytest.raises(DatasetError, match=r"none of 1 .*a\.glb"):
        stage(tmp_path / "in", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_tags_are_written_to_model_info(tmp_path):
    source = write_boxes(tmp_path / "in", "a.glb")
    (tmp_path / "tags.csv").write_text("file,category,style\na.glb,Dining Chair,Modern\n")
    models, _ = find_models(source, tmp_path / "tags.csv")
    stage_models([model.info for model in models], models_of(models), tmp_path / "out", SETTINGS)
    (entry,) = json.loads((find_root(tmp_path / "out") / "model_info.json").read_text())
    assert (entry["category"], entry["style"], entry["material"]) == ("Dining Chair", "Modern", None)
