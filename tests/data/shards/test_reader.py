import errno
import tempfile
from dataclasses import fields

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shelfnet.data.shards import image_stack, reader
from shelfnet.data.shards.reader import TrainingViews, load_evaluation_views, load_training_views, load_view_labels
from shelfnet.data.shards.schema import SCHEMA, TRAINING_COLUMNS, ShardError
from shelfnet.data.shards.writer import write_shard

HIDDEN = ("model_id", "azimuth_deg", "elevation_deg", "cam2world", "fov_deg", "view", "seed")


@pytest.fixture
def two_shards(tmp_path, image_row):
    """Models a and b (train) and c (test) in two files, with views out of order."""
    first = [image_row("b", view) for view in (2, 0, 1)] + [image_row("c", 0, split="test")]
    second = [image_row("a", view) for view in (1, 0)]
    paths = [tmp_path / "shard-0000.parquet", tmp_path / "shard-0001.parquet"]
    for path, rows in zip(paths, (first, second), strict=True):
        write_shard(path, rows)
    return paths


def test_training_views_order(two_shards):
    loaded = load_training_views(two_shards)
    assert loaded.captions == ("A b",) * 3 + ("A a",) * 2
    assert loaded.images.shape == (5, 6, 6, 4)
    assert loaded.images[:, 0, 0, 0].tolist() == [2, 0, 1, 1, 0]


def test_training_views_of_other_split(two_shards):
    assert load_training_views(two_shards, "test").captions == ("A c",)


def test_training_requests_only_its_columns(two_shards, monkeypatch):
    asked = []
    original = pq.ParquetFile.iter_batches

    def spy(self, *args, **kwargs):
        asked.append(tuple(kwargs["columns"]))
        return original(self, *args, **kwargs)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", spy)
    for other in ("read", "read_row_group", "read_row_groups"):
        monkeypatch.setattr(pq.ParquetFile, other, None)
    load_training_views(two_shards)
    assert asked
    assert set().union(*asked) == set(TRAINING_COLUMNS) == {"image", "split", "caption"}


def test_training_without_pose_columns(two_shards):
    for path in two_shards:
        pq.write_table(pq.read_table(path).drop_columns(list(HIDDEN)), path)
    assert len(load_training_views(two_shards).captions) == 5


def test_training_ignores_corrupt_pose_columns(two_shards):
    """With the pages of pose columns overwritten, training still loads, but evaluation does not."""
    for path in two_shards:
        _ruin_columns(path, HIDDEN)
    assert load_training_views(two_shards).images[:, 0, 0, 0].tolist() == [2, 0, 1, 1, 0]
    with pytest.raises(ShardError, match=r"shard-0000\.parquet"):
        load_evaluation_views(two_shards, "train", None)


def test_training_views_have_no_pose_field():
    assert [field.name for field in fields(TrainingViews)] == ["images", "captions"]


def test_evaluation_views_sorted(two_shards):
    loaded = load_evaluation_views(two_shards, "train", None)
    assert loaded.model_ids == ("a", "a", "b", "b", "b")
    assert loaded.views.tolist() == [0, 1, 0, 1, 2]
    assert loaded.images[:, 0, 0, 0].tolist() == [0, 1, 0, 1, 2]
    np.testing.assert_allclose(loaded.azimuths_deg, [0, 10, 0, 10, 20])
    np.testing.assert_allclose(loaded.elevations_deg, [0, -1, 0, -1, -2])
    assert loaded.captions == ("A a", "A a", "A b", "A b", "A b")
    assert loaded.categories == (None,) * 5


def test_views_per_model(two_shards):
    loaded = load_evaluation_views(list(reversed(two_shards)), "train", 1)
    assert list(zip(loaded.model_ids, loaded.views.tolist(), strict=True)) == [("a", 0), ("b", 0)]


def test_model_ids_and_max_views(two_shards):
    loaded = load_evaluation_views(two_shards, "train", None, model_ids={"b", "c"})
    assert loaded.model_ids == ("b", "b", "b")
    spread = load_evaluation_views(two_shards, "train", None, max_views=3)
    assert list(zip(spread.model_ids, spread.views.tolist(), strict=True)) == [("a", 0), ("b", 0), ("b", 2)]
    assert spread.images[:, 0, 0, 0].tolist() == [0, 0, 2]
    assert len(load_evaluation_views(two_shards, "train", None, max_views=9).model_ids) == 5
    with pytest.raises(ShardError, match="'train'"):
        load_evaluation_views(two_shards, "train", None, model_ids={"c"})


def test_labels_without_images(two_shards):
    whole = load_evaluation_views(two_shards, "train", 2)
    for path in two_shards:
        pq.write_table(pq.read_table(path).drop_columns(["image", "caption"]), path)
    labels = load_view_labels(two_shards, "train", 2)
    for field in fields(labels):
        np.testing.assert_array_equal(getattr(labels, field.name), getattr(whole, field.name))
    assert load_view_labels(two_shards, "train", None, model_ids={"a"}).model_ids == ("a", "a")


def test_large_stack_in_unnamed_file(two_shards, monkeypatch, tmp_path):
    whole = load_training_views(two_shards).images
    monkeypatch.setattr(image_stack, "IN_MEMORY_BYTES", 100)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    mapped = load_training_views(two_shards).images
    np.testing.assert_array_equal(mapped, whole)
    assert isinstance(mapped.base, np.memmap)
    assert mapped.flags.writeable
    assert list((tmp_path / "temporary").iterdir()) == []


def test_full_disk_refused_in_advance(two_shards, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(image_stack, "IN_MEMORY_BYTES", 100)
    monkeypatch.setattr(image_stack.os, "posix_fallocate", full)
    with pytest.raises(ShardError, match=r"TMPDIR.* 5 images of 6 x 6"):
        load_training_views(two_shards)


@pytest.mark.parametrize("load", [load_training_views, lambda paths: load_evaluation_views(paths, "train", None)])
def test_other_writers_read_and_nulls_refused(two_shards, load):
    table = pq.read_table(two_shards[1])
    caption = table.schema.get_field_index("caption")
    pq.write_table(table.set_column(caption, "caption", table["caption"].dictionary_encode()), two_shards[1])
    assert "A a" in load(two_shards).captions
    pq.write_table(table.set_column(caption, "caption", pa.array([None, "x"])), two_shards[1])
    with pytest.raises(ShardError, match=r"shard-0001\.parquet: .*row 0: column caption"):
        load(two_shards)
    pq.write_table(table.set_column(caption, "caption", pa.array([[1], [2]])), two_shards[1])
    with pytest.raises(ShardError, match=r"shard-0001\.parquet: .*row 0"):
        load(two_shards)


def test_batch_size_does_not_matter(two_shards, monkeypatch):
    whole = load_training_views(two_shards), load_evaluation_views(two_shards, "train", 2)
    monkeypatch.setattr(reader, "BATCH_ROWS", 1)
    pieces = load_training_views(two_shards), load_evaluation_views(two_shards, "train", 2)
    for one, other in zip(whole, pieces, strict=True):
        np.testing.assert_array_equal(one.images, other.images)
        assert one.captions == other.captions


def test_empty_split_refused(two_shards):
    for load in (load_training_views, lambda paths, split: load_evaluation_views(paths, split, None)):
        with pytest.raises(ShardError, match="'validation' in 2 shards"):
            load(two_shards, "validation")


def test_no_shards_refused():
    with pytest.raises(ShardError, match="an empty list of shards"):
        load_training_views([])


def test_duplicate_view_refused(two_shards):
    with pytest.raises(ShardError, match="view 2 of model 'b' is also in"):
        load_evaluation_views([two_shards[0], two_shards[0]], "train", None)


def test_truncated_file_refused(two_shards):
    content = two_shards[1].read_bytes()
    two_shards[1].write_bytes(content[: len(content) // 2])
    with pytest.raises(ShardError, match=r"shard-0001\.parquet"):
        load_training_views(two_shards)


def test_flipped_bytes_refused(two_shards):
    _ruin_columns(two_shards[0], ("image",))
    with pytest.raises(ShardError, match=r"shard-0000\.parquet: .*row 0"):
        load_training_views(two_shards)


@pytest.mark.parametrize("image", [None, {"bytes": None, "path": "x"}, {"bytes": b"<html>", "path": "x"}])
def test_undecodable_image_refused(two_shards, image):
    table = pq.read_table(two_shards[1])
    images = pa.array([table["image"][0].as_py(), image], table.schema.field("image").type)
    pq.write_table(table.set_column(3, table.schema.field("image"), images), two_shards[1])
    for load in (load_training_views, lambda paths: load_evaluation_views(paths, "train", None)):
        with pytest.raises(ShardError, match=r"shard-0001\.parquet: row 1"):
            load(two_shards)


def test_other_image_size_refused(tmp_path, image_row, png):
    odd = {"bytes": png(np.zeros((6, 8, 4), np.uint8)), "path": "odd"}
    write_shard(tmp_path / "shard.parquet", [image_row("a", 0), image_row("a", 1, image=odd)])
    with pytest.raises(ShardError, match=r"row 1: .*6 x 6 .*8 x 6"):
        load_training_views([tmp_path / "shard.parquet"])


def _ruin_columns(path, names):
    """Overwrite the pages of columns inside a Parquet file."""
    content = bytearray(path.read_bytes())
    metadata = pq.read_metadata(path)
    for group in range(metadata.num_row_groups):
        for index in range(metadata.num_columns):
            column = metadata.row_group(group).column(index)
            if column.path_in_schema.split(".")[0] in names:
                start = column.dictionary_page_offset or column.data_page_offset
                content[start : start + column.total_compressed_size] = b"\xff" * column.total_compressed_size
    path.write_bytes(content)


@pytest.mark.parametrize("text", [b"train", b"caption"], ids=["value", "name of a column"])
def test_text_that_is_not_utf8_is_refused(tmp_path, image_row, text):
    path = tmp_path / "shard-0000.parquet"
    pq.write_table(pa.Table.from_pylist([image_row("a", 0)], schema=SCHEMA), path, compression="none")
    path.write_bytes(path.read_bytes().replace(text, b"\xe9" + text[1:]))
    with pytest.raises(ShardError, match=r"shard-0000\.parquet: .*(utf-8|UTF8)"):
        load_training_views([path])


def test_columns_of_unequal_length_are_refused(tmp_path, image_row, monkeypatch):
    """In a damaged file, a column can end before the others."""
    path = tmp_path / "shard-0000.parquet"
    write_shard(path, [image_row("a", view, split="test") for view in range(3)])
    whole = pq.ParquetFile.iter_batches

    def cut(self, *, batch_size, columns):
        for batch in whole(self, batch_size=batch_size, columns=columns):
            yield batch.slice(0, 2) if "image" in columns else batch

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", cut)
    with pytest.raises(ShardError, match=r"shard-0000\.parquet: damaged: 2 of 3 rows"):
        load_evaluation_views([path], "test", None)
    with pytest.raises(ShardError, match=r"shard-0000\.parquet: damaged: 2 of 3 rows"):
        load_training_views([path], "test")
