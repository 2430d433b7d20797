"""Views out of shards of pictures: what training may see, and what evaluation needs.

The honesty rule lives here: :func:`load_training_views` asks the Parquet reader for
:data:`~shelfnet.data.shards.TRAINING_COLUMNS` alone, so that poses, geometry and identities are never read, and its
result has no place for them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from jaxtyping import Float, Int, UInt8

from shelfnet.data.images import ImageError, decode_png
from shelfnet.data.shards import EVALUATION_COLUMNS, TRAINING_COLUMNS, ShardError, open_shard

BATCH_ROWS = 64
"""Rows of a shard that are in memory at once, still encoded."""


@dataclass(frozen=True)
class TrainingViews:
    """What training sees: pictures with their masks (alpha), and captions."""

    images: UInt8[np.ndarray, "n h w 4"]
    captions: tuple[str, ...]


@dataclass(frozen=True)
class EvaluationViews:
    """Pictures with what evaluation compares against, sorted by model and view; angles in degrees."""

    images: UInt8[np.ndarray, "n h w 4"]
    captions: tuple[str, ...]
    model_ids: tuple[str, ...]
    views: Int[np.ndarray, "n"]
    azimuths_deg: Float[np.ndarray, "n"]
    elevations_deg: Float[np.ndarray, "n"]
    categories: tuple[str | None, ...]


def load_training_views(paths: Sequence[Path], split: str = "train") -> TrainingViews:
    """Pictures and captions of one split, in the order of the files and of their rows.

    Raises:
        ShardError: a file is damaged or lacks a column, pictures cannot be decoded or differ in size, or the split
            is empty; the message names the file.
    """
    stack = _ImageStack(sum(_count(path, split) for path in paths))
    if stack.size == 0:
        raise ShardError(f"no view of split {split!r} in {_listed(paths)}")
    captions: list[str] = []
    for path in paths:
        for first_row, batch in _batches(path, TRAINING_COLUMNS):
            for row, values in enumerate(batch.to_pylist(), start=first_row):
                if values["split"] == split:
                    stack.put(len(captions), values["image"], path, row)
                    captions.append(values["caption"])
    return TrainingViews(images=stack.images, captions=tuple(captions))


def load_evaluation_views(paths: Sequence[Path], split: str, views_per_model: int | None) -> EvaluationViews:
    """Views of one split with their poses, sorted by ``(model_id, view)``.

    Args:
        paths: shards, in any order.
        split: ``train``, ``validation`` or ``test``.
        views_per_model: take the first ``views_per_model`` views of each model; all where ``None``.

    Raises:
        ShardError: as in :func:`load_training_views`, or a view occurs twice.
    """
    chosen = _choose(paths, split, views_per_model)
    if not chosen:
        raise ShardError(f"no view of split {split!r} in {_listed(paths)}")
    stack = _ImageStack(len(chosen))
    records: list[dict] = [{}] * len(chosen)
    for index, path in enumerate(paths):
        for first_row, batch in _batches(path, EVALUATION_COLUMNS):
            rows = [row for row in range(batch.num_rows) if (index, first_row + row) in chosen]
            for row, values in zip(rows, batch.take(pa.array(rows, pa.int64())).to_pylist(), strict=True):
                place = chosen[index, first_row + row]
                stack.put(place, values.pop("image"), path, first_row + row)
                records[place] = values
    return _evaluation_views(stack.images, records)


def _evaluation_views(images: UInt8[np.ndarray, "n h w 4"], records: list[dict]) -> EvaluationViews:
    return EvaluationViews(
        images=images,
        captions=tuple(record["caption"] for record in records),
        model_ids=tuple(record["model_id"] for record in records),
        views=np.array([record["view"] for record in records], dtype=np.int64),
        azimuths_deg=np.array([record["azimuth_deg"] for record in records], dtype=np.float64),
        elevations_deg=np.array([record["elevation_deg"] for record in records], dtype=np.float64),
        categories=tuple(record["category"] for record in records),
    )


def _choose(paths: Sequence[Path], split: str, views_per_model: int | None) -> dict[tuple[int, int], int]:
    """Place in the result by (file, row)."""
    found: dict[tuple[str, int], tuple[int, int]] = {}
    for index, path in enumerate(paths):
        for first_row, batch in _batches(path, ("model_id", "view", "split")):
            for row, values in enumerate(batch.to_pylist(), start=first_row):
                if values["split"] != split:
                    continue
                key = (values["model_id"], values["view"])
                if key in found:
                    raise ShardError(f"{path}: view {key[1]} of model {key[0]!r} is also in {paths[found[key][0]]}")
                found[key] = (index, row)
    kept: dict[tuple[int, int], int] = {}
    taken: dict[str, int] = {}
    for model_id, view in sorted(found):
        taken[model_id] = taken.get(model_id, 0) + 1
        if views_per_model is None or taken[model_id] <= views_per_model:
            kept[found[model_id, view]] = len(kept)
    return kept


class _ImageStack:
    """Pictures decoded into one array, which is allocated when the first one tells the size."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.images = np.empty((0, 0, 0, 4), dtype=np.uint8)

    def put(self, place: int, image: dict | None, path: Path, row: int) -> None:
        try:
            pixels = decode_png((image or {}).get("bytes") or b"")
        except ImageError as error:
            raise ShardError(f"{path}: row {row}: the picture cannot be decoded: {error}") from error
        if len(self.images) == 0:
            self.images = np.empty((self.size, *pixels.shape), dtype=np.uint8)
        if pixels.shape != self.images.shape[1:]:
            expected, got = (f"{shape[1]} x {shape[0]}" for shape in (self.images.shape[1:], pixels.shape))
            raise ShardError(f"{path}: row {row}: expected a picture of {expected} pixels, got {got}")
        self.images[place] = pixels


def _count(path: Path, split: str) -> int:
    return sum(batch["split"].to_pylist().count(split) for _, batch in _batches(path, ("split",)))


def _batches(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Number of the first row and rows of a shard, projected at the reader."""
    with open_shard(path, columns) as shard:
        first_row = 0
        try:
            for batch in shard.iter_batches(batch_size=BATCH_ROWS, columns=list(columns)):
                yield first_row, batch
                first_row += batch.num_rows
        except (OSError, pa.ArrowException) as error:
            raise ShardError(f"{path}: damaged near row {first_row}: {error}") from error


def _listed(paths: Sequence[Path]) -> str:
    if not paths:
        return "an empty list of shards"
    return str(paths[0]) if len(paths) == 1 else f"{len(paths)} shards ({paths[0]} ... {paths[-1]})"
