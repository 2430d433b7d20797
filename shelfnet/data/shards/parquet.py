"""Shards of images: one Parquet schema, and a writer that streams rows and publishes complete files.

``image`` follows the usual layout of image columns (``struct<bytes, path>``), so that common viewers show the images.
Angles are degrees, as in every file; ``cam2world`` is row-major with OpenCV axes (:mod:`shelfnet.geometry.cameras`).
The file's metadata tell Hugging Face ``datasets`` which column holds images; pandas and DuckDB see a struct of bytes.
"""

import json
import logging
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from shelfnet.data.tags import TAG_FIELDS, TAGS
from shelfnet.provenance import code_version
from shelfnet.publishing import complete_file

_SUPER_CATEGORY, _CATEGORY, *_OTHER_TAGS = TAG_FIELDS

SCHEMA = pa.schema(
    [
        ("model_id", pa.string()),
        ("split", pa.string()),
        ("view", pa.int32()),
        ("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        ("caption", pa.string()),
        _CATEGORY,
        _SUPER_CATEGORY,
        *_OTHER_TAGS,
        ("azimuth_deg", pa.float32()),
        ("elevation_deg", pa.float32()),
        ("cam2world", pa.list_(pa.float32(), 16)),
        ("fov_deg", pa.float32()),
        ("engine", pa.string()),
        ("seed", pa.int64()),
    ]
)
"""Columns of a shard of images, in order."""

TRAINING_COLUMNS = ("image", "split", "caption")
"""All that training may read: no pose, no geometry, no identity."""

EVALUATION_COLUMNS = ("model_id", "split", "view", "image", "caption", "category", "azimuth_deg", "elevation_deg")
"""What evaluation reads."""

ROW_GROUP_ROWS = 256
ROW_GROUP_BYTES = 16 * 2**20
"""Rows, and bytes of their images, held in memory before they are written as one row group."""

TARGET_BYTES = 128 * 2**20
"""Size of a shard that readers stream well: some hundred models, and one request to an object store."""
OVERSIZE = 1.5
"""Share of the target from which a shard is worth a warning."""

log = logging.getLogger(__name__)


class ShardError(ValueError):
    """A shard cannot be written or read; the message names the file."""


def write_shard(path: Path, rows: Iterable[Mapping[str, Any]], metadata: Mapping[str, str] | None = None) -> None:
    """Stream rows with the columns of :data:`SCHEMA` into a shard and publish it.

    Args:
        path: the shard; a file that is there is replaced.
        rows: one an image; no more of them than a row group are held in memory.
        metadata: text stored in the file beside the code version, such as a digest of the settings.

    Raises:
        ShardError: a column is missing, unknown, null where it may not be, or does not fit the schema; nothing is
            published then.
    """
    features = {"huggingface": json.dumps({"info": {"features": hugging_face_features()}})}
    schema = SCHEMA.with_metadata({"code_version": code_version(), **features, **(metadata or {})})
    # Images all differ: a dictionary of them would only be a second copy in memory.
    repeated = [name for name in SCHEMA.names if SCHEMA.field(name).type == pa.string()]
    with (
        complete_file(path) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd", use_dictionary=repeated) as writer,
    ):
        for group in _row_groups(rows, path):
            try:
                batch = pa.RecordBatch.from_pylist(group, schema=schema)
            except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
                raise ShardError(f"{path}: a row does not fit the schema: {error}") from error
            writer.write_batch(batch)


def _row_groups(rows: Iterable[Mapping[str, Any]], path: Path) -> Iterator[list[Mapping[str, Any]]]:
    """Checked rows in lists of limited length and size."""
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


def open_shard(path: Path, columns: Iterable[str]) -> pq.ParquetFile:
    """Open a shard of which the named columns will be read; the caller closes it.

    Raises:
        ShardError: no such file, no Parquet, or a column is not there.
    """
    try:
        shard = pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        raise ShardError(f"{path}: expected a Parquet shard: {error}") from error
    missing = sorted(set(columns) - set(shard.schema_arrow.names))
    if missing:
        shard.close()
        raise ShardError(f"{path}: expected the columns {', '.join(missing)}, which are not there")
    return shard


def recommended_shards(n_shards: int, shard_bytes: int) -> int:
    """Number of shards that would bring shards of this size to about :data:`TARGET_BYTES` each."""
    return max(1, math.ceil(n_shards * shard_bytes / TARGET_BYTES))


def warn_of_size(path: Path, n_shards: int) -> None:
    """Tell the log where a published shard is much larger than :data:`TARGET_BYTES`, and how many shards would do."""
    size = path.stat().st_size
    if size > OVERSIZE * TARGET_BYTES:
        message = "%s is of %d MiB, expected about %d MiB: render.shards would be %d for that, and is %d"
        log.warning(message, path, size >> 20, TARGET_BYTES >> 20, recommended_shards(n_shards, size), n_shards)


def hugging_face_features() -> dict[str, Any]:
    """Columns in the words of Hugging Face ``datasets``, by which it decodes ``image`` without being told."""
    features: dict[str, Any] = {field.name: _hugging_face_value(field.type) for field in SCHEMA}
    features["image"] = {"_type": "Image"}
    features["cam2world"] = {"feature": _hugging_face_value(pa.float32()), "length": 16, "_type": "Sequence"}
    return features


def _hugging_face_value(type_: pa.DataType) -> dict[str, str]:
    return {"dtype": "float32" if type_ == pa.float32() else str(type_), "_type": "Value"}


def _check_row(row: Mapping[str, Any], path: Path) -> None:
    columns = set(SCHEMA.names)
    if set(row) != columns:
        missing, unknown = sorted(columns - set(row)), sorted(set(row) - columns)
        raise ShardError(f"{path}: a row lacks the columns {missing} and has the unknown ones {unknown}")
    empty = [name for name in SCHEMA.names if row[name] is None and name not in TAGS]
    if empty:
        raise ShardError(f"{path}: model {row['model_id']!r} view {row['view']!r}: no value for {', '.join(empty)}")
