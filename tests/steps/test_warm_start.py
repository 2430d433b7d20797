"""The step that starts networks on discovered views: what it publishes, and what it reads."""

import numpy as np
import pytest
import torch
from known_chair import RENDER, chair, chair_views
from safetensors.torch import load_file
from tiny_training import tiny_settings

from shelfnet.config.stage_inputs import warm_start_inputs
from shelfnet.data.discovered_views import DiscoveredViews, DiscoveryError, SharedShapes, write_discovery
from shelfnet.data.shards.encoding import encode_png
from shelfnet.data.shards.writer import write_shard
from shelfnet.provenance import files_digest
from shelfnet.steps.warm_start import warm_start
from shelfnet.training.state import build_model

IMAGES = 24
SETTINGS = tiny_settings(
    {
        "render": RENDER.model_dump(mode="json"),
        "train": {"warm_start": {"encoder_iterations": 3, "encoder_batch_size": 4, "decoder_iterations": 2}},
    }
)


def write_chairs(path, pose_deg=0.0):
    """Chairs as training images; their poses in the shard are all the same number."""
    unused = dict.fromkeys(("category", "super_category", "style", "theme", "material"))
    pose = {"azimuth_deg": pose_deg, "elevation_deg": pose_deg, "cam2world": [pose_deg] * 16, "fov_deg": 35.0}
    row = {"split": "train", "view": 0, "caption": "A chair", "engine": "none", "seed": 0, **unused, **pose}
    images = chair_views()[0][:IMAGES]
    write_shard(
        path,
        [
            row | {"model_id": f"chair{number}", "image": {"bytes": encode_png(image), "path": None}}
            for number, image in enumerate(images)
        ],
    )
    return path


def write_views(folder, shard):
    folder.mkdir(exist_ok=True)
    _, azimuth, elevation = chair_views()
    views = DiscoveredViews(
        super_category=("Chair",) * IMAGES,
        shape=np.zeros(IMAGES, dtype=np.int64),
        azimuth_deg=np.degrees(azimuth[:IMAGES].numpy()),
        elevation_deg=np.degrees(elevation[:IMAGES].numpy()),
        spread_deg=np.full(IMAGES, 5.0, dtype=np.float32),
        entropy=np.zeros(IMAGES, dtype=np.float32),
        view_probabilities=np.ones((IMAGES, 1), dtype=np.float32),
    )
    field = chair()
    colours = torch.full((1, 3, *field.occupancy_grid.shape[2:]), 0.5)
    write_discovery(folder, views, SharedShapes(field.occupancy_grid.numpy(), colours.numpy()), files_digest([shard]))
    return folder


def start(folder, shard, discovery=None):
    """Weights that the step publishes."""
    warm_start(
        settings=warm_start_inputs(SETTINGS),
        name="base/seed1",
        seed=1,
        shards=[shard],
        discovery=discovery or write_views(folder / "views", shard),
        output=folder / "warm_starts/base/seed1.safetensors",
        threads=1,
    )
    return load_file(folder / "warm_starts/base/seed1.safetensors")


def test_weights_are_those_of_the_moved_networks(tmp_path):
    found = start(tmp_path, write_chairs(tmp_path / "shard.parquet"))
    fresh = build_model(SETTINGS.model, SETTINGS.render, 1).state_dict()
    assert found.keys() == fresh.keys()
    moved = {name.split(".")[0] for name, value in fresh.items() if not torch.equal(value, found[name])}
    assert {"encoder", "decoder"} <= moved


def test_true_poses_do_not_matter(tmp_path):
    (tmp_path / "turned").mkdir()
    honest = start(tmp_path, write_chairs(tmp_path / "shard.parquet"))
    turned = start(tmp_path / "turned", write_chairs(tmp_path / "turned/shard.parquet", pose_deg=77.0))
    assert all(torch.equal(value, turned[name]) for name, value in honest.items())


def test_views_of_other_images_are_refused(tmp_path):
    views = write_views(tmp_path / "views", write_chairs(tmp_path / "shard.parquet"))
    with pytest.raises(DiscoveryError):
        start(tmp_path, write_chairs(tmp_path / "others.parquet", pose_deg=1.0), discovery=views)
