"""Views out of shards of images: what training may see, and what evaluation needs.

The honesty rule lives here: :func:`load_training_views` asks the Parquet reader for
:data:`~shelfnet.data.shards.parquet.TRAINING_COLUMNS` alone, so that poses, geometry and identities are never read,
and its result has no place for them. Images are read only by those who look at them: poses come without any.
"""

import sys
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float, Int, UInt8

from shelfnet.data.shards.image_stack import ImageStack
from shelfnet.data.shards.parquet import EVALUATION_COLUMNS, SCHEMA, TRAINING_COLUMNS, ShardError, open_shard
from shelfnet.data.tables import typed
from shelfnet.data.tags import TAGS

LABEL_COLUMNS = ("model_id", "split", "view", "category", "azimuth_deg", "elevation_deg")
"""What is known of a view beside its image and caption."""

BATCH_ROWS = 64
"""Rows of a shard that are in memory at once, still encoded."""


@dataclass(frozen=True)
class TrainingViews:
    """What training sees: images with their masks (alpha), and captions."""

    images: UInt8[np.ndarray, "n h w 4"]
    captions: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ViewLabels:
    """What evaluation compares against, sorted by model and view; angles in degrees."""

    model_ids: tuple[str, ...]
    views: Int[np.ndarray, "n"]
    azimuths_deg: Float[np.ndarray, "n"]
    elevations_deg: Float[np.ndarray, "n"]
    categories: tuple[str | None, ...]


@dataclass(frozen=True, kw_only=True)
class EvaluationViews(ViewLabels):
    """Images and captions with their labels."""

    images: UInt8[np.ndarray, "n h w 4"]
    captions: tuple[str, ...]


def load_training_views(paths: Sequence[Path], split: str = "train") -> TrainingViews:
    """Images and captions of one split, in the order of the files and of their rows.

    Raises:
        ShardError: a file is damaged or lacks a column, images cannot be decoded or differ in size, or the split
            is empty; the message names the file.
    """
    stack = ImageStack(sum(_count(path, split) for path in paths))
    if stack.size == 0:
        raise ShardError(f"no view of split {split!r} in {_listed(paths)}")
    captions: list[str] = []
    for path in paths:
        for first_row, batch in _batches(path, TRAINING_COLUMNS):
            for row, values in enumerate(batch.to_pylist(), start=first_row):
                if values["split"] == split:
                    stack.put(len(captions), values["image"], path, row)
                    captions.append(sys.intern(values["caption"]))
    return TrainingViews(images=stack.images, captions=tuple(captions))


def load_evaluation_views(
    paths: Sequence[Path],
    split: str,
    views_per_model: int | None,
    *,
    among: Container[str] | None = None,
    at_most: int | None = None,
) -> EvaluationViews:
    """Views of one split with their images and poses, sorted by ``(model_id, view)``.

    Args:
        paths: shards, in any order.
        split: ``train``, ``validation`` or ``test``.
        views_per_model: take the first ``views_per_model`` views of each model; all where ``None``.
        among: take these models alone; all where ``None``.
        at_most: of these views take so many, evenly spread; all where ``None``.

    Raises:
        ShardError: as in :func:`load_training_views`, or a view occurs twice.
    """
    chosen = _choose(paths, split, views_per_model, among, at_most)
    stack = ImageStack(len(chosen))
    records = _records(paths, chosen, EVALUATION_COLUMNS, stack)
    return EvaluationViews(
        images=stack.images, captions=tuple(record["caption"] for record in records), **_labels(records)
    )


def load_view_labels(
    paths: Sequence[Path],
    split: str,
    views_per_model: int | None,
    *,
    among: Container[str] | None = None,
    at_most: int | None = None,
) -> ViewLabels:
    """The labels of the views that :func:`load_evaluation_views` would load; no image is read.

    Raises:
        ShardError: a file is damaged or lacks a column, a view occurs twice, or the split is empty.
    """
    chosen = _choose(paths, split, views_per_model, among, at_most)
    return ViewLabels(**_labels(_records(paths, chosen, LABEL_COLUMNS, None)))


def _records(
    paths: Sequence[Path], chosen: dict[tuple[int, int], int], columns: Sequence[str], stack: ImageStack | None
) -> list[dict[str, Any]]:
    """The chosen rows by place, their images put into the stack instead."""
    records: list[dict[str, Any]] = [{}] * len(chosen)
    for index, path in enumerate(paths):
        for first_row, batch in _batches(path, columns):
            rows = [row for row in range(batch.num_rows) if (index, first_row + row) in chosen]
            for row, values in zip(rows, batch.take(pa.array(rows, pa.int64())).to_pylist(), strict=True):
                place = chosen[index, first_row + row]
                if stack is not None:
                    stack.put(place, values.pop("image"), path, first_row + row)
                records[place] = values
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


def _choose(
    paths: Sequence[Path],
    split: str,
    views_per_model: int | None,
    among: Container[str] | None,
    at_most: int | None,
) -> dict[tuple[int, int], int]:
    """Place in the result by (file, row)."""
    found = _find(paths, split, among)
    taken: Counter[str] = Counter()
    kept: list[tuple[int, int]] = []
    for model_id, view in sorted(found):
        taken[model_id] += 1
        if views_per_model is None or taken[model_id] <= views_per_model:
            kept.append(found[model_id, view])
    if not kept:
        raise ShardError(f"no view of split {split!r} in {_listed(paths)}")
    if at_most is not None and at_most < len(kept):
        kept = [kept[place] for place in np.linspace(0, len(kept) - 1, at_most).round().astype(int)]
    return {row: place for place, row in enumerate(kept)}


def _find(paths: Sequence[Path], split: str, among: Container[str] | None) -> dict[tuple[str, int], tuple[int, int]]:
    """(file, row) of every view of a split, by (model, view)."""
    found: dict[tuple[str, int], tuple[int, int]] = {}
    for index, path in enumerate(paths):
        for first_row, batch in _batches(path, ("model_id", "view", "split")):
            for row, values in enumerate(batch.to_pylist(), start=first_row):
                if values["split"] != split or (among is not None and values["model_id"] not in among):
                    continue
                key = (values["model_id"], values["view"])
                if key in found:
                    raise ShardError(f"{path}: view {key[1]} of model {key[0]!r} is also in {paths[found[key][0]]}")
                found[key] = (index, row)
    return found


def _count(path: Path, split: str) -> int:
    return sum(batch["split"].to_pylist().count(split) for _, batch in _batches(path, ("split",)))


def _batches(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, pa.Table]]:
    """Number of the first row and rows of a shard, projected at the reader."""
    with open_shard(path, columns) as shard:
        first_row = 0
        try:
            for batch in shard.iter_batches(batch_size=BATCH_ROWS, columns=list(columns)):
                rows = typed(batch, SCHEMA, columns, (*TAGS, "image"))
                yield first_row, rows
                first_row += batch.num_rows
        except ShardError:
            raise
        except (OSError, pa.ArrowException, ValueError) as error:
            raise ShardError(f"{path}: damaged near row {first_row}: {error}") from error


def _listed(paths: Sequence[Path]) -> str:
    if not paths:
        return "an empty list of shards"
    return str(paths[0]) if len(paths) == 1 else f"{len(paths)} shards ({paths[0]} ... {paths[-1]})"
