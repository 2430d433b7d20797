"""Readers of image shards: the views that training may see, and those that evaluation needs.

The training-data rule is enforced here: :func:`load_training_views` requests only
:data:`~shelfnet.data.shards.schema.TRAINING_COLUMNS` from the Parquet reader, and :func:`load_discovery_views` only
:data:`~shelfnet.data.shards.schema.DISCOVERY_COLUMNS`, so poses, geometry and identities are never read, and their
results have no field for them.
"""

import sys
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from jaxtyping import Float, Int, UInt8

from shelfnet.data.shards.image_stack import ImageStack
from shelfnet.data.shards.schema import (
    DISCOVERY_COLUMNS,
    EVALUATION_COLUMNS,
    LABEL_COLUMNS,
    SCHEMA,
    TRAINING_COLUMNS,
    ShardError,
)
from shelfnet.data.tables import cast_columns
from shelfnet.data.tags import TAGS

BATCH_ROWS = 64
"""Rows of a shard that are in memory at once, still encoded."""

RowIndex = tuple[int, int]
"""Index of a shard among the given ones, and of a row in it."""


@dataclass(frozen=True)
class TrainingViews:
    """What training sees: images with their masks (alpha), and captions."""

    images: UInt8[np.ndarray, "n h w 4"]
    captions: tuple[str, ...]


@dataclass(frozen=True)
class DiscoveryImages:
    """What the discovery of views sees: images with their masks (alpha), and the super-category of each."""

    images: UInt8[np.ndarray, "n h w 4"]
    super_categories: tuple[str | None, ...]


@dataclass(frozen=True, kw_only=True)
class ViewLabels:
    """Ground truth of views, sorted by model and view; angles in degrees."""

    model_ids: tuple[str, ...]
    views: Int[np.ndarray, "n"]
    azimuths_deg: Float[np.ndarray, "n"]
    elevations_deg: Float[np.ndarray, "n"]
    categories: tuple[str | None, ...]

    def table(self) -> pd.DataFrame:
        """The labels with the names that tables of predictions and results give them, one row per view."""
        return pd.DataFrame(
            {
                "model_id": self.model_ids,
                "view": self.views,
                "true_azimuth_deg": self.azimuths_deg,
                "true_elevation_deg": self.elevations_deg,
                "category": self.categories,
            }
        )


@dataclass(frozen=True, kw_only=True)
class EvaluationViews(ViewLabels):
    """Images and captions with their labels."""

    images: UInt8[np.ndarray, "n h w 4"]
    captions: tuple[str, ...]


def load_training_views(paths: Sequence[Path], split: str = "train") -> TrainingViews:
    """Images and captions of one split, in the order of the files and of their rows.

    Raises:
        ShardError: A file is damaged or lacks a column, images cannot be decoded or differ in size, or the split
            is empty.
    """
    images, captions = _load_images(paths, split, "caption", TRAINING_COLUMNS)
    return TrainingViews(images=images, captions=captions)


def load_discovery_views(paths: Sequence[Path]) -> DiscoveryImages:
    """Images and super-categories of the training split, in the order of :func:`load_training_views`.

    Raises:
        ShardError: As in :func:`load_training_views`.
    """
    images, super_categories = _load_images(paths, "train", "super_category", DISCOVERY_COLUMNS)
    return DiscoveryImages(images=images, super_categories=super_categories)


def _load_images(
    paths: Sequence[Path], split: str, label: str, columns: Sequence[str]
) -> tuple[UInt8[np.ndarray, "n h w 4"], tuple[Any, ...]]:
    """Images of one split, and the column ``label`` of each."""
    stack = ImageStack(sum(_count(path, split) for path in paths))
    if stack.size == 0:
        raise _empty_split(split, paths)
    labels: list[str | None] = []
    for path in paths:
        for first_row, batch in _batches(path, columns):
            for row, values in enumerate(batch.to_pylist(), start=first_row):
                if values["split"] == split:
                    stack.put(len(labels), values["image"], path, row)
                    labels.append(None if values[label] is None else sys.intern(values[label]))
    return stack.images, tuple(labels)


def load_evaluation_views(
    paths: Sequence[Path],
    split: str,
    views_per_model: int | None,
    *,
    model_ids: Container[str] | None = None,
    max_views: int | None = None,
) -> EvaluationViews:
    """Views of one split with their images and poses, sorted by ``(model_id, view)``.

    Args:
        paths: Shards, in any order.
        split: ``train``, ``validation`` or ``test``.
        views_per_model: Number of views taken from each model, the first ones; all if ``None``.
        model_ids: Models to load; all if ``None``.
        max_views: Maximum number of views, spread evenly over the sorted ones; unlimited if ``None``.

    Raises:
        ShardError: As in :func:`load_training_views`, or a view occurs twice.
    """
    selected = _select(paths, split, views_per_model, model_ids, max_views)
    stack = ImageStack(len(selected))
    records = _records(paths, selected, EVALUATION_COLUMNS, stack)
    return EvaluationViews(
        images=stack.images, captions=tuple(record["caption"] for record in records), **_labels(records)
    )


def load_view_labels(
    paths: Sequence[Path],
    split: str,
    views_per_model: int | None,
    *,
    model_ids: Container[str] | None = None,
    max_views: int | None = None,
) -> ViewLabels:
    """The labels of the views that :func:`load_evaluation_views` would load, without reading an image.

    Raises:
        ShardError: A file is damaged or lacks a column, a view occurs twice, or the split is empty.
    """
    selected = _select(paths, split, views_per_model, model_ids, max_views)
    return ViewLabels(**_labels(_records(paths, selected, LABEL_COLUMNS, None)))


def load_training_azimuths(paths: Sequence[Path]) -> Float[np.ndarray, "n"]:
    """True azimuths of the training split in degrees, in the order of :func:`load_training_views`; for evaluation only.

    Raises:
        ShardError: A file is damaged or lacks a column.
    """
    return np.array([row["azimuth_deg"] for row in read_rows(paths, "train", ["azimuth_deg"])], dtype=np.float64)


def read_rows(paths: Sequence[Path], split: str, columns: Sequence[str]) -> list[dict[str, Any]]:
    """Some columns of all rows of a split, in the order of :func:`load_training_views`.

    Raises:
        ShardError: A file is damaged or lacks a column.
    """
    batches = (batch for path in paths for _, batch in _batches(path, ("split", *columns)))
    return [row for batch in batches for row in batch.filter(pc.field("split") == split).select(columns).to_pylist()]


def open_shard(path: Path, columns: Iterable[str]) -> pq.ParquetFile:
    """Open a shard that has at least these columns; the caller closes it.

    Raises:
        ShardError: The file is missing, is not Parquet, or lacks a column.
    """
    try:
        shard = pq.ParquetFile(path)
    except (OSError, pa.ArrowException, ValueError) as error:  # the latter for names that are not UTF-8
        raise ShardError(f"{path}: expected a Parquet shard: {error}") from error
    missing = sorted(set(columns) - set(shard.schema_arrow.names))
    if missing:
        shard.close()
        raise ShardError(f"{path}: lacks the columns {', '.join(missing)}")
    return shard


def _records(
    paths: Sequence[Path], selected: dict[RowIndex, int], columns: Sequence[str], stack: ImageStack | None
) -> list[dict[str, Any]]:
    """The selected rows in order of their rank; images go into the stack instead."""
    records: list[dict[str, Any]] = [{}] * len(selected)
    for index, path in enumerate(paths):
        for first_row, batch in _batches(path, columns):
            rows = [row for row in range(batch.num_rows) if (index, first_row + row) in selected]
            for row, values in zip(rows, batch.take(pa.array(rows, pa.int64())).to_pylist(), strict=True):
                rank = selected[index, first_row + row]
                if stack is not None:
                    stack.put(rank, values.pop("image"), path, first_row + row)
                records[rank] = values
    return records


def _labels(records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Records as the fields of :class:`ViewLabels`."""
    return {
        "model_ids": tuple(record["model_id"] for record in records),
        "views": np.array([record["view"] for record in records], dtype=np.int64),
        "azimuths_deg": np.array([record["azimuth_deg"] for record in records], dtype=np.float64),
        "elevations_deg": np.array([record["elevation_deg"] for record in records], dtype=np.float64),
        "categories": tuple(record["category"] for record in records),
    }


def _select(
    paths: Sequence[Path],
    split: str,
    views_per_model: int | None,
    model_ids: Container[str] | None,
    max_views: int | None,
) -> dict[RowIndex, int]:
    """Rank in the result of every selected row."""
    found = _find(paths, split, model_ids)
    taken: Counter[str] = Counter()
    kept: list[RowIndex] = []
    for model_id, view in sorted(found):
        taken[model_id] += 1
        if views_per_model is None or taken[model_id] <= views_per_model:
            kept.append(found[model_id, view])
    if not kept:
        raise _empty_split(split, paths)
    if max_views is not None and max_views < len(kept):
        kept = [kept[rank] for rank in np.linspace(0, len(kept) - 1, max_views).round().astype(int)]
    return {row: rank for rank, row in enumerate(kept)}


def _find(paths: Sequence[Path], split: str, model_ids: Container[str] | None) -> dict[tuple[str, int], RowIndex]:
    """Row of every view of a split, by ``(model_id, view)``."""
    found: dict[tuple[str, int], RowIndex] = {}
    for index, path in enumerate(paths):
        for first_row, batch in _batches(path, ("model_id", "view", "split")):
            for row, values in enumerate(batch.to_pylist(), start=first_row):
                if values["split"] != split or (model_ids is not None and values["model_id"] not in model_ids):
                    continue
                key = (values["model_id"], values["view"])
                if key in found:
                    raise ShardError(f"{path}: view {key[1]} of model {key[0]!r} is also in {paths[found[key][0]]}")
                found[key] = (index, row)
    return found


def _count(path: Path, split: str) -> int:
    return sum(batch["split"].to_pylist().count(split) for _, batch in _batches(path, ("split",)))


def _batches(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, pa.Table]]:
    """Batches of a shard, each with the index of its first row; only ``columns`` are read."""
    with open_shard(path, columns) as shard:
        first_row = 0
        try:
            for batch in shard.iter_batches(batch_size=BATCH_ROWS, columns=list(columns)):
                yield first_row, cast_columns(batch, SCHEMA, columns, (*TAGS, "image"))
                first_row += batch.num_rows
            if first_row != shard.metadata.num_rows:
                raise ShardError(f"{path}: damaged: {first_row} of {shard.metadata.num_rows} rows")
        except ShardError:
            raise
        except (OSError, pa.ArrowException, ValueError) as error:
            raise ShardError(f"{path}: damaged near row {first_row}: {error}") from error


def _empty_split(split: str, paths: Sequence[Path]) -> ShardError:
    shown = f"{len(paths)} shards ({paths[0]} ... {paths[-1]})" if len(paths) > 1 else "".join(map(str, paths))
    return ShardError(f"no view of split {split!r} in {shown or 'an empty list of shards'}")
