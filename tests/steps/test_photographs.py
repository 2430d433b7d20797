"""Stage, catalogue and crop a folder of photographs."""

import shutil
import zipfile

import datasets
import duckdb
import numpy as np
import pandas as pd
import pytest
from photo_collection import write_photographs
from PIL import Image

from shelfnet.config.dataset import DatasetSettings
from shelfnet.config.images import ImagesSettings
from shelfnet.config.load import ConfigError
from shelfnet.data.catalogue.manifest import read_manifest
from shelfnet.data.catalogue.model_info import DatasetError
from shelfnet.data.catalogue.quarantine import AllRefusedError, read_quarantine
from shelfnet.data.images import decode_png
from shelfnet.data.shards.reader import load_evaluation_views, load_training_views
from shelfnet.steps.catalogue_photographs import catalogue_photographs
from shelfnet.steps.crop_photographs import crop_photographs
from shelfnet.steps.stage_photographs import stage_photographs

PHOTOGRAPHS = 12
SPLITS = {"validation": 0.3, "test": 0.3}


def settings_of(path):
    return DatasetSettings(kind="images", path=str(path), path_env=None, splits=SPLITS)


def add_unusable(folder):
    """Photographs with every fault, and words of the expected reasons."""
    Image.new("RGB", (96, 96), (10, 200, 30)).save(folder / "opaque.jpg")
    Image.new("RGBA", (96, 96), (10, 200, 30, 0)).save(folder / "empty.png")
    Image.new("RGBA", (96, 96), (10, 200, 30, 254)).save(folder / "full.png")
    whole = (folder / "box000.png").read_bytes()
    (folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    speck = np.zeros((96, 96, 4), dtype=np.uint8)
    speck[40:50, 40:52] = [200, 30, 30, 255]
    Image.fromarray(speck).save(folder / "speck.png")
    shutil.copy(folder / "box001.jpg", folder / "wrong.jpg")
    Image.new("L", (50, 200), 255).save(folder / "wrong_mask.png")
    return {
        "opaque.jpg": "dataset.images.segmenter.kind: mask_rcnn",
        "empty.png": "mask",
        "full.png": "mask",
        "cut.png": "whole image",
        "speck.png": "32 pixels",
        "wrong.jpg": "mask",
    }


class Run:
    """The three steps on one folder, with files where the workflow has them."""

    def __init__(self, results, source, images=None):
        self.results, self.source = results, source
        self.images = images or ImagesSettings()
        self.manifest = results / "dataset" / "manifest.json"
        self.photographs = results / "catalogue" / "photographs.parquet"
        self.shard = results / "renders" / "shard-0000.parquet"
        self.quarantine = results / "renders" / "quarantine-0000.csv"
        self.journal = results / "journal" / "x.jsonl"

    def stage(self):
        stage_photographs(
            settings=settings_of(self.source),
            output_dir=self.manifest.parent / "photographs",
            manifest=self.manifest,
            journal=self.journal,
        )

    def catalogue(self):
        catalogue_photographs(
            settings=settings_of(self.source),
            n_shards=1,
            manifest=self.manifest,
            models=self.results / "catalogue" / "models.parquet",
            photographs=self.photographs,
            quarantine=self.results / "catalogue" / "quarantine.csv",
            journal=self.journal,
        )

    def crop(self):
        crop_photographs(
            settings=self.images,
            resolution_px=32,
            timeout_s=60.0,
            memory_mb=4000,
            manifest=self.manifest,
            photographs=self.photographs,
            shard=0,
            n_shards=1,
            output=self.shard,
            quarantine=self.quarantine,
            journal=self.journal,
        )

    def all(self):
        self.stage()
        self.catalogue()
        self.crop()
        return self


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photographs")
    write_photographs(folder / "in", PHOTOGRAPHS)
    unusable = add_unusable(folder / "in")
    return Run(folder / "results", folder / "in").all(), unusable


def test_unusable_photographs_are_quarantined(done):
    run, unusable = done
    shown = pd.read_parquet(run.shard, columns=["model_id", "view", "engine"])
    assert set(shown["model_id"]) == {f"box{number:03d}" for number in range(PHOTOGRAPHS)}
    assert set(shown["engine"]) == {"photograph"}
    refused = {row.path: row for row in read_quarantine(run.quarantine)}
    assert refused.keys() == unusable.keys()
    for path, words in unusable.items():
        assert words in refused[path].reason
        assert str(run.source) not in refused[path].reason
        assert refused[path].stage == "crop_photographs"


def test_crops_are_centred_with_the_configured_share(done):
    run, _ = done
    for image in pd.read_parquet(run.shard)["image"]:
        inside = decode_png(image["bytes"])[..., 3] > 127
        rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
        longest = max(np.ptp(rows), np.ptp(columns)) + 1
        assert longest == pytest.approx(run.images.object_share * 32, abs=1.5)
        assert abs(rows.mean() - 15.5) < 1.0
        assert abs(columns.mean() - 15.5) < 1.0


def test_manifest_counts_and_digests_the_photographs(done, tmp_path):
    run, unusable = done
    manifest = read_manifest(run.manifest)
    assert (manifest.kind, manifest.root, manifest.models) == ("images", run.source, PHOTOGRAPHS + len(unusable))
    copy = shutil.copytree(run.source, tmp_path / "copy")
    digests = [manifest.digest]
    for change in (lambda: None, lambda: (copy / "photographs.csv").write_text("photo\n")):
        change()
        again = Run(tmp_path / "results", copy)
        again.stage()
        digests.append(read_manifest(again.manifest).digest)
    assert digests[0] == digests[1] != digests[2]


def test_unknown_cameras_are_nan_in_every_reader(done, tmp_path):
    run, _ = done
    table = pd.read_parquet(run.shard)
    cameras = ["azimuth_deg", "elevation_deg", "fov_deg"]
    assert table[cameras].isna().all(axis=None)
    assert np.isnan(np.stack(table["cam2world"])).all()
    query = f"select count(*) from '{run.shard}' where isnan(azimuth_deg) and isnan(cam2world[16])"
    assert duckdb.sql(query).fetchall() == [(PHOTOGRAPHS,)]
    read = datasets.Dataset.from_parquet(str(run.shard), cache_dir=str(tmp_path))
    assert np.isnan(np.array(read["cam2world"])).all()
    assert len(read) == PHOTOGRAPHS


def test_training_and_evaluation_read_the_shard(done):
    run, _ = done
    training = load_training_views([run.shard])
    test = load_evaluation_views([run.shard], "test", None)
    assert training.images.shape[1:] == (32, 32, 4)
    assert np.isnan(test.azimuths_deg).all()
    assert len(test.model_ids) + len(training.captions) <= PHOTOGRAPHS


def test_zip_gives_the_same_crops(done, tmp_path):
    run, _ = done
    with zipfile.ZipFile(tmp_path / "photographs.zip", "w") as archive:
        for path in sorted(run.source.iterdir()):
            archive.write(path, f"collection/{path.name}")
    zipped = Run(tmp_path / "results", tmp_path / "photographs.zip").all()
    decoded = [{decode_png(i["bytes"]).tobytes() for i in pd.read_parquet(r.shard)["image"]} for r in (run, zipped)]
    assert decoded[0] == decoded[1]
    assert read_manifest(zipped.manifest).root == zipped.manifest.parent / "photographs"


def test_masks_in_the_parent_folder_are_used(tmp_path):
    write_photographs(tmp_path / "in" / "images", 4)
    (tmp_path / "in" / "masks").mkdir()
    for mask in sorted((tmp_path / "in" / "images").glob("*_mask.png")):
        mask.rename(tmp_path / "in" / "masks" / mask.name.replace("_mask", ""))
    run = Run(tmp_path / "results", tmp_path / "in").all()
    assert len(pd.read_parquet(run.shard)) == 4
    assert read_quarantine(run.quarantine) == ()


@pytest.mark.parametrize(
    ("path", "message"),
    [(None, "dataset.path"), ("nowhere", "nowhere"), (".", "2 .heic")],
    ids=["unset", "absent", "without photographs"],
)
def test_no_photographs_is_an_error(tmp_path, path, message):
    for name in ("1.heic", "2.HEIC"):
        (tmp_path / name).write_bytes(b"")
    given = None if path is None else tmp_path / path
    settings = DatasetSettings(kind="images", path=given and str(given), path_env=None)
    with pytest.raises((ConfigError, DatasetError), match=message):
        stage_photographs(
            settings=settings, output_dir=tmp_path / "out", manifest=tmp_path / "m.json", journal=tmp_path / "j.jsonl"
        )
    assert not (tmp_path / "m.json").exists()


def test_shard_without_usable_photographs_fails(tmp_path):
    write_photographs(tmp_path / "in", 2)
    run = Run(tmp_path / "results", tmp_path / "in", ImagesSettings(min_object_px=5000))
    run.stage()
    run.catalogue()
    with pytest.raises(AllRefusedError, match="all 2"):
        run.crop()
    assert not run.shard.exists()
    assert len(read_quarantine(run.quarantine)) == 2
