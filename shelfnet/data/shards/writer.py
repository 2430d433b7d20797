"""Writer of image shards: streams rows into Parquet and publishes complete files."""

import json
import logging
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from shelfnet.data.shards.schema import SCHEMA, ShardError
from shelfnet.data.tags import TAGS
from shelfnet.provenance import code_version
from shelfnet.publishing import complete_file

ROW_GROUP_ROWS = 256
ROW_GROUP_BYTES = 16 * 2**20
"""Limits of a row group, which is held in memory until it is written: rows, and bytes of their images."""

TARGET_BYTES = 128 * 2**20
"""Shard size that readers stream well: some hundred models, and one request to an object store."""
OVERSIZE = 1.5
"""Multiple of the target size above which a warning is logged."""

log = logging.getLogger(__name__)


def write_shard(path: Path, rows: Iterable[Mapping[str, Any]], metadata: Mapping[str, str] | None = None) -> None:
    """Stream rows with the columns of :data:`~shelfnet.data.shards.schema.SCHEMA` into a shard and publish it.

    Args:
        path: The shard; an existing file is replaced.
        rows: One row per image; at most one row group is held in memory.
        metadata: Texts stored in the file in addition to the code version, for example a digest of the settings.

    Raises:
        ShardError: A column is missing, unknown, null where that is not allowed, or of another type. Nothing is
            published then.
    """
    features = {"huggingface": json.dumps({"info": {"features": hugging_face_features()}})}
    schema = SCHEMA.with_metadata({"code_version": code_version(), **features, **(metadata or {})})
    # All images differ: a dictionary of them would only be a second copy in memory.
    repeated = [name for name in SCHEMA.names if SCHEMA.field(name).type == pa.string()]
    with (
        complete_file(path) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd", use_dictionary=repeated) as writer,  # pyright: ignore[reportArgumentType]
    ):
        for group in _row_groups(rows, path):
            try:
                batch = pa.RecordBatch.from_pylist(group, schema=schema)
            except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
                raise ShardError(f"{path}: a row does not fit the schema: {error}") from error
            writer.write_batch(batch)


def recommended_shards(n_shards: int, shard_bytes: int) -> int:
    """Number of shards that brings shards of this size to about :data:`TARGET_BYTES` each."""
    return max(1, math.ceil(n_shards * shard_bytes / TARGET_BYTES))


def warn_if_oversized(path: Path, n_shards: int) -> None:
    """Log a warning with the recommended number of shards if a shard is much larger than :data:`TARGET_BYTES`."""
    size = path.stat().st_size
    if size > OVERSIZE * TARGET_BYTES:
        message = "%s has %d MiB, expected about %d MiB: set render.shards to %d instead of %d"
        log.warning(message, path, size >> 20, TARGET_BYTES >> 20, recommended_shards(n_shards, size), n_shards)


def hugging_face_features() -> dict[str, Any]:
    """The columns as Hugging Face ``datasets`` describes them, so that it decodes ``image`` by itself."""
    features: dict[str, Any] = {field.name: _hugging_face_value(field.type) for field in SCHEMA}
    features["image"] = {"_type": "Image"}
    features["cam2world"] = {"feature": _hugging_face_value(pa.float32()), "length": 16, "_type": "Sequence"}
    return features


def _hugging_face_value(type_: pa.DataType) -> dict[str, str]:
    return {"dtype": "float32" if type_ == pa.float32() else str(type_), "_type": "Value"}


def _row_groups(rows: Iterable[Mapping[str, Any]], path: Path) -> Iterator[list[Mapping[str, Any]]]:
    """Checked rows in lists within the limits of a row group."""
    group: list[Mapping[str, Any]] = []
    n_bytes = 0
    for row in rows:
        _check_row(row, path)
        group.append(row)
        n_bytes += len(row["image"]["bytes"])
        if len(group) >= ROW_GROUP_ROWS or n_bytes >= ROW_GROUP_BYTES:
            yield group
            group, n_bytes = [], 0
    if group:
        yield group


def _check_row(row: Mapping[str, Any], path: Path) -> None:
    columns = set(SCHEMA.names)
    if set(row) != columns:
        missing, unknown = sorted(columns - set(row)), sorted(set(row) - columns)
        raise ShardError(f"{path}: a row lacks the columns {missing} and has the unknown columns {unknown}")
    empty = [name for name in SCHEMA.names if row[name] is None and name not in TAGS]
    if empty:
        raise ShardError(f"{path}: model {row['model_id']!r} view {row['view']!r}: no value for {', '.join(empty)}")
