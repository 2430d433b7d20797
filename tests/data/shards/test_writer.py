import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shelfnet.data.shards import writer
from shelfnet.data.shards.reader import open_shard
from shelfnet.data.shards.schema import SCHEMA, ShardError
from shelfnet.data.shards.writer import write_shard


def test_round_trip(tmp_path, image_row):
    rows = [image_row("a", view) for view in range(3)]
    write_shard(tmp_path / "shard.parquet", rows, {"settings": "abc"})
    table = pq.read_table(tmp_path / "shard.parquet")
    assert table.to_pylist() == rows
    assert table.schema.equals(SCHEMA)
    assert table.schema.metadata[b"settings"] == b"abc"
    assert table.schema.metadata[b"code_version"]


def test_schema_is_pinned():
    assert SCHEMA.names == [
        *("model_id", "split", "view", "image", "caption", "category", "super_category", "style", "theme", "material"),
        *("azimuth_deg", "elevation_deg", "cam2world", "fov_deg", "engine", "seed"),
    ]
    assert SCHEMA.field("image").type == pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    assert SCHEMA.field("cam2world").type == pa.list_(pa.float32(), 16)
    assert SCHEMA.field("view").type == pa.int32()


def test_row_groups_limited_in_rows_and_zstd(tmp_path, image_row, monkeypatch):
    monkeypatch.setattr(writer, "ROW_GROUP_ROWS", 2)
    write_shard(tmp_path / "shard.parquet", (image_row("a", view) for view in range(5)))
    metadata = pq.read_metadata(tmp_path / "shard.parquet")
    assert [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)] == [2, 2, 1]
    assert metadata.row_group(0).column(0).compression == "ZSTD"


def test_row_groups_limited_in_bytes(tmp_path, image_row, monkeypatch):
    monkeypatch.setattr(writer, "ROW_GROUP_BYTES", 1000)
    image = {"bytes": bytes(400), "path": "zeros.png"}
    write_shard(tmp_path / "shard.parquet", (image_row("a", view, image=image) for view in range(7)))
    metadata = pq.read_metadata(tmp_path / "shard.parquet")
    assert [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)] == [3, 3, 1]


def test_memory_independent_of_shard_size(tmp_path, image_row, monkeypatch):
    """Arrow's peak memory for two numbers of rows."""
    monkeypatch.setattr(writer, "ROW_GROUP_BYTES", 2**20)
    noise = np.random.default_rng(0)
    highest = []
    for n_rows in (48, 240):
        rows = (image_row("a", view, image={"bytes": noise.bytes(2**16), "path": "a.png"}) for view in range(n_rows))
        highest.append(_highest_arrow_bytes(rows, tmp_path / f"{n_rows}.parquet"))
    assert highest[1] < 1.5 * highest[0] < 240 * 2**16


def _highest_arrow_bytes(rows, path):
    """Arrow's peak memory while a shard is written, sampled before every row."""
    highest = [0]

    def watched():
        for row in rows:
            highest[0] = max(highest[0], pa.total_allocated_bytes())
            yield row

    start = pa.total_allocated_bytes()
    write_shard(path, watched())
    return highest[0] - start


def test_oversized_shard_warned(tmp_path, monkeypatch, caplog):
    path = tmp_path / "shard.parquet"
    path.write_bytes(bytes(1000))
    monkeypatch.setattr(writer, "TARGET_BYTES", 700)
    writer.warn_if_oversized(path, n_shards=4)
    assert not caplog.records
    monkeypatch.setattr(writer, "TARGET_BYTES", 400)
    writer.warn_if_oversized(path, n_shards=4)
    assert "render.shards to 10 instead of 4" in caplog.text


def test_failure_publishes_nothing(tmp_path, image_row):
    def rows():
        yield image_row("a", 0)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_shard(tmp_path / "shard.parquet", rows())
    assert list(tmp_path.iterdir()) == []


def test_file_published_when_complete(tmp_path, image_row):
    path = tmp_path / "folder" / "shard.parquet"

    def rows():
        yield image_row("a", 0)
        assert not path.exists()

    write_shard(path, rows())
    assert [file.name for file in path.parent.iterdir()] == ["shard.parquet"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pose": 1}, "pose"),
        ({"caption": None}, "no value for caption"),
        ({"cam2world": [0.0] * 12}, "does not fit the schema"),
        ({"view": "front"}, "does not fit the schema"),
    ],
)
def test_mismatched_row_refused(tmp_path, image_row, changes, message):
    with pytest.raises(ShardError, match=message) as caught:
        write_shard(tmp_path / "shard.parquet", [image_row("a", 0, **changes)])
    assert "shard.parquet" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_missing_column_refused(tmp_path, image_row):
    row = image_row("a", 0)
    del row["fov_deg"]
    with pytest.raises(ShardError, match="lacks the columns \\['fov_deg'\\]"):
        write_shard(tmp_path / "shard.parquet", [row])


def test_empty_shard(tmp_path):
    write_shard(tmp_path / "shard.parquet", [])
    with open_shard(tmp_path / "shard.parquet", SCHEMA.names) as shard:
        assert shard.metadata.num_rows == 0


def test_open_shard_refusals(tmp_path):
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 but no more")
    with pytest.raises(ShardError, match=r"broken\.parquet"):
        open_shard(broken, ["image"])
    with pytest.raises(ShardError, match=r"absent\.parquet"):
        open_shard(tmp_path / "absent.parquet", ["image"])
    pq.write_table(pa.table({"split": ["train"]}), tmp_path / "narrow.parquet")
    with pytest.raises(ShardError, match=r"narrow\.parquet: .*caption, image"):
        open_shard(tmp_path / "narrow.parquet", ["image", "split", "caption"])
