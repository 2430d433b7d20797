"""Shards are readable by pandas, DuckDB and Hugging Face ``datasets``, without shelfnet."""

import io
import subprocess
import sys
import textwrap
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from shelfnet.data.images import decode_png
from shelfnet.data.shards import writer
from shelfnet.data.shards.encoding import encode_png
from shelfnet.data.shards.schema import SCHEMA
from shelfnet.data.shards.writer import write_shard

SIDE_PX = 8


def shade_of(view: int) -> np.ndarray:
    """A square whose colour encodes the view."""
    rgba = np.zeros((SIDE_PX, SIDE_PX, 4), dtype=np.uint8)
    rgba[2:6, 2:6] = (20 * view, 90, 200, 255)
    return rgba


@pytest.fixture
def shard(tmp_path, image_row, monkeypatch) -> Path:
    """Five images of two models in three row groups."""
    monkeypatch.setattr(writer, "ROW_GROUP_ROWS", 2)
    views = [("a", 0), ("a", 1), ("a", 2), ("b", 3), ("b", 4)]
    rows = [
        image_row(model, view, theme=None, image={"bytes": encode_png(shade_of(view)), "path": f"{model}_{view}.png"})
        for model, view in views
    ]
    write_shard(tmp_path / "shard-0000.parquet", rows)
    return tmp_path / "shard-0000.parquet"


def test_pandas_reads_all_columns(shard):
    table = pd.read_parquet(shard)
    assert list(table.columns) == SCHEMA.names
    assert table["view"].tolist() == [0, 1, 2, 3, 4]
    assert table["theme"].isna().all()
    np.testing.assert_array_equal(decode_png(table["image"][3]["bytes"]), shade_of(3))
    assert table["cam2world"][0].shape == (16,)


def test_duckdb_filters_and_counts(shard):
    query = f"select model_id, count(*), max(view) from '{shard}' where split = 'train' group by 1 order by 1"
    assert duckdb.sql(query).fetchall() == [("a", 3, 2), ("b", 2, 4)]


def test_duckdb_reads_image_bytes(shard):
    ((data,),) = duckdb.sql(f"select image.bytes from '{shard}' where view = 4").fetchall()
    with Image.open(io.BytesIO(data)) as decoded:
        np.testing.assert_array_equal(np.asarray(decoded), shade_of(4))


def test_datasets_decodes_images(shard, tmp_path):
    """Runs in a child process, since the library reads its settings at import and keeps files open."""
    script = f"""
        import os
        import numpy as np
        from datasets import Image, Value, load_dataset
        for streaming in (False, True):
            rows = load_dataset("parquet", data_files={str(shard)!r}, split="train", streaming=streaming)
            assert isinstance(rows.features["image"], Image), rows.features
            assert rows.features["fov_deg"] == Value("float32") and rows.features["view"] == Value("int32")
            for view, row in enumerate(rows):
                pixels = np.asarray(row["image"])
                assert pixels.shape == ({SIDE_PX}, {SIDE_PX}, 4) and pixels[3, 3].tolist() == [20 * view, 90, 200, 255]
                assert len(row["cam2world"]) == 16 and row["theme"] is None and row["view"] == view
            assert view == 4
        print("read twice", flush=True)
        os._exit(0)  # the library's threads may abort the interpreter's own end
    """
    environment = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": str(tmp_path), "HOME": str(tmp_path)}
    command = [sys.executable, "-c", textwrap.dedent(script)]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert (run.returncode, run.stdout) == (0, "read twice\n"), run.stderr
