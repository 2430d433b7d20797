"""The step that discovers views: what it publishes, what it reads, and what it says about unusable images."""

import json
import logging

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from known_chair import RENDER, SMALL, chair_views, median_azimuth_error_deg
from PIL import Image

from shelfnet.data.discovered_views import read_discovered_views, read_shared_shapes
from shelfnet.data.shards.encoding import encode_png
from shelfnet.data.shards.schema import ShardError
from shelfnet.data.shards.writer import write_shard
from shelfnet.provenance import files_digest
from shelfnet.steps import discover_views as step

HIDDEN = ["model_id", "azimuth_deg", "elevation_deg", "cam2world", "fov_deg", "view", "seed", "category"]


def write_images(path, rgba, super_category="Chair", split="train"):
    """Write one row per image."""
    unused = dict.fromkeys(("category", "style", "theme", "material"))
    pose = {"azimuth_deg": 0.0, "elevation_deg": 0.0, "cam2world": [0.0] * 16, "fov_deg": 35.0}
    rows = (
        {"model_id": f"{split}{number}", "split": split, "view": 0, "caption": "A chair", "engine": "none", "seed": 0}
        | {"image": {"bytes": encode_png(image), "path": None}, "super_category": super_category, **unused, **pose}
        for number, image in enumerate(rgba)
    )
    write_shard(path, rows)
    return path


def discover(tmp_path, shards):
    output = tmp_path / "views"
    step.discover_views(
        settings=SMALL,
        render=RENDER,
        shards=shards,
        output=output,
        device="cpu",
        threads=1,
        journal=tmp_path / "discover_views.jsonl",
    )
    return read_discovered_views(output, files_digest(shards))


@pytest.fixture(scope="module")
def chairs():
    return chair_views()


def test_views_and_files(tmp_path, chairs):
    """Two super-categories in two shards: each has shapes of its own, and rows keep the order of the shards."""
    rgba, azimuth, _ = chairs
    shards = [
        write_images(tmp_path / "a.parquet", rgba[:80]),
        write_images(tmp_path / "b.parquet", rgba[80:], "Sofa"),
        write_images(tmp_path / "c.parquet", rgba[:4], split="test"),
    ]
    views = discover(tmp_path, shards)
    assert views.super_category == ("Chair",) * 80 + ("Sofa",) * 80
    assert set(views.shape[:80]) <= {0, 1}
    assert set(views.shape[80:]) <= {2, 3}
    for own in (slice(0, 80), slice(80, 160)):
        assert median_azimuth_error_deg(torch.deg2rad(torch.from_numpy(views.azimuth_deg[own])), azimuth[own]) < 25.0
    shapes = read_shared_shapes(tmp_path / "views")
    assert shapes.occupancy.shape == (4, 1, 12, 12, 12)
    sheet = np.asarray(Image.open(tmp_path / "views" / "discovery.png"))
    assert sheet.shape[2] == 3
    assert sheet.std() > 10
    assert not (tmp_path / "views" / "resume").exists()
    events = [json.loads(line) for line in (tmp_path / "discover_views.jsonl").read_text().splitlines()]
    assert {event["event"] for event in events} >= {"params", "tags", "metrics", "image", "artifact"}


def test_poses_cannot_be_read(tmp_path, chairs):
    """Without the columns of poses, geometry and identities, the result is the same."""
    shard = write_images(tmp_path / "a.parquet", chairs[0][:30])
    first = discover(tmp_path / "with", [shard])
    pq.write_table(pq.read_table(shard).drop_columns(HIDDEN), shard)
    second = discover(tmp_path / "without", [shard])
    np.testing.assert_array_equal(first.view_probabilities, second.view_probabilities)


def test_images_without_masks_are_named(tmp_path, chairs, caplog):
    rgba = chairs[0][:20].copy()
    rgba[..., 3] = 255
    with caplog.at_level(logging.WARNING):
        discover(tmp_path, [write_images(tmp_path / "a.parquet", rgba)])
    assert any("mask" in record.message for record in caplog.records)


def test_one_image_is_reported_as_uncertain(tmp_path, chairs, caplog):
    with caplog.at_level(logging.WARNING):
        views = discover(tmp_path, [write_images(tmp_path / "a.parquet", chairs[0][:1])])
    assert views.spread_deg[0] > step.UNCERTAIN_SPREAD_DEG
    assert any("uncertain" in record.message for record in caplog.records)


def test_no_training_image(tmp_path, chairs):
    shard = write_images(tmp_path / "a.parquet", chairs[0][:2], split="test")
    with pytest.raises(ShardError, match="train"):
        discover(tmp_path, [shard])
