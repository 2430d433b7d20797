import numpy as np
import pytest
from photographed import disc_png

from shelfnet.data.discovered_views import DiscoveredViews, SharedShapes, write_discovery
from shelfnet.data.shards.writer import write_shard
from shelfnet.provenance import files_digest
from shelfnet.report.discovery import discovery_caption


def image_row(model_id, view, split="train"):
    """A row of a chair; views are 10° apart."""
    unused = dict.fromkeys(("category", "style", "theme", "material"))
    pose = {"azimuth_deg": 10.0 * view, "elevation_deg": 0.0, "cam2world": [0.0] * 16, "fov_deg": 35.0}
    image = {"image": {"bytes": disc_png(5.0), "path": None}, "caption": "A chair", "engine": "none", "seed": 0}
    return {"model_id": model_id, "split": split, "view": view, "super_category": "Chair"} | image | unused | pose


@pytest.fixture
def discovered(tmp_path):
    """Three chairs whose views are found but for one, in a frame that is turned by 90°."""
    shard = tmp_path / "shard-0000.parquet"
    rows = [image_row("a", view) for view in range(3)]
    write_shard(shard, [*rows, image_row("b", 0, split="test")])
    azimuths = np.array([row["azimuth_deg"] for row in rows]) + 90.0
    azimuths[1] += 100.0
    numbers = np.full(3, 12.0, dtype=np.float32)
    views = DiscoveredViews(
        super_category=("Chair",) * 3,
        shape=np.zeros(3, dtype=np.int64),
        azimuth_deg=azimuths.astype(np.float32),
        elevation_deg=numbers,
        spread_deg=numbers,
        entropy=numbers,
        view_probabilities=np.full((3, 4), 0.25, dtype=np.float32),
    )
    shapes = SharedShapes(np.zeros((1, 1, 2, 2, 2), np.float32), np.zeros((1, 3, 2, 2, 2), np.float32))
    write_discovery(tmp_path / "views", views, shapes, files_digest([shard]))
    return tmp_path / "views", [shard]


def test_caption_names_errors(discovered):
    caption = discovery_caption(*discovered, with_truth=True)
    assert "Chair (3 images): 0°, 67 % below 30°" in caption
    assert "spread is 12°" in caption


def test_caption_without_truth_names_no_error(discovered):
    assert "error" not in discovery_caption(*discovered, with_truth=False)
