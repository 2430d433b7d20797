import io
from dataclasses import replace

import numpy as np
from PIL import Image

from shelfnet.data.shards.reader import load_evaluation_views
from shelfnet.data.shards.schema import SCHEMA, DatasetObject, ViewMetadata, image_row
from shelfnet.data.shards.writer import write_shard

SUBJECT = DatasetObject(model_id="a", split="test", caption="A Sofa", category="Sofa", material="Oak")
SHOT = ViewMetadata(30.0, 10.0, np.arange(16.0).reshape(4, 4), 40.0, "cycles", 7)


def test_image_row(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (6, 6, 4), dtype=np.uint8)
    row = image_row(SUBJECT, 3, pixels, SHOT)
    assert set(row) == set(SCHEMA.names)
    assert row["image"]["path"] == "a_003.png"
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(row["image"]["bytes"]))), pixels)
    assert row["cam2world"] == list(range(16))
    assert (row["category"], row["material"], row["super_category"]) == ("Sofa", "Oak", None)
    write_shard(tmp_path / "shard.parquet", [row, image_row(SUBJECT, 1, pixels, replace(SHOT, azimuth_deg=-5.0))])
    views = load_evaluation_views([tmp_path / "shard.parquet"], "test", None)
    assert (views.views.tolist(), views.azimuths_deg.tolist()) == ([1, 3], [-5.0, 30.0])
