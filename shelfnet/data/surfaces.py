"""True surfaces for the evaluation: points, normals and occupancy of each model, in the object frame.

One row group a model, so that a reader holds one model at a time, however large the data set is. The file also names
the models of its shard that could not be measured, so that nobody takes them for lost.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Bool, Float

from shelfnet.data.occupancy import pack, solid_occupancy, unpack
from shelfnet.data.shards.parquet import ShardError, open_shard
from shelfnet.data.tables import typed
from shelfnet.geometry.meshes import Mesh, normalise, sample_surface
from shelfnet.provenance import code_version
from shelfnet.publishing import complete_file

SCHEMA = pa.schema(
    [
        ("model_id", pa.string()),
        ("split", pa.string()),
        ("points", pa.list_(pa.float32())),
        ("normals", pa.list_(pa.float32())),
        ("occupancy", pa.binary()),
    ]
)
"""Columns of a shard of surfaces."""

REFUSED = "refused"
"""Key of the file's metadata with the ids, as a JSON list, of models without a surface."""


@dataclass(frozen=True)
class Surface:
    """The true surface of one model in the object frame."""

    points: Float[np.ndarray, "n 3"]
    normals: Float[np.ndarray, "n 3"]
    occupancy: Bool[np.ndarray, "z y x"]
    split: str


def measure_surface(mesh: Mesh, model_id: str, split: str, n_points: int, seed: int) -> Surface:
    """Area-uniform points with normals, and solid occupancy, of a mesh in its file's frame.

    Args:
        mesh: in the frame and unit of its file.
        model_id: with ``seed``, the seed of the points: the same ones whatever other models there are.
        split: stored beside.
        n_points: points on the surface.
        seed: draws other points.
    """
    normalised = normalise(mesh)
    digest = hashlib.sha256(f"surface-{seed}\0{model_id}".encode()).digest()
    points, normals = sample_surface(normalised, n_points, np.random.default_rng(int.from_bytes(digest[:8], "big")))
    return Surface(points.astype(np.float32), normals.astype(np.float32), solid_occupancy(normalised), split)


def write_surfaces(path: Path, surfaces: Iterable[tuple[str, Surface | None]]) -> None:
    """Stream surfaces into a shard and publish it.

    Args:
        path: the shard.
        surfaces: ids of models with their surfaces, or with ``None`` where one could not be measured.
    """
    schema = SCHEMA.with_metadata({"code_version": code_version()})
    with complete_file(path) as temporary, pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
        refused = []
        for model_id, surface in surfaces:
            if surface is None:
                refused.append(model_id)
            else:
                writer.write_batch(pa.RecordBatch.from_pylist([_row(model_id, surface)], schema=schema))
        writer.add_key_value_metadata({REFUSED: json.dumps(refused)})


class Surfaces:
    """Surfaces by model id, read from their shards one at a time when asked for; ids iterate in sorted order.

    Attributes:
        refused: ids of models that have no surface because it could not be measured.
    """

    def __init__(
        self, places: dict[str, tuple[Path, int]], splits: dict[str, str], refused: frozenset[str] = frozenset()
    ) -> None:
        self._places = places
        self._splits = splits
        self.refused = refused

    def __getitem__(self, model_id: str) -> Surface:
        path, row_group = self._places[model_id]
        with open_shard(path, SCHEMA.names) as shard:
            try:
                return _surface(typed(shard.read_row_group(row_group), SCHEMA, SCHEMA.names, ()))
            except (OSError, pa.ArrowException, ValueError) as error:
                raise ShardError(f"{path}: model {model_id!r}: damaged: {error}") from error

    def __contains__(self, model_id: str) -> bool:
        return model_id in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._places))

    def __len__(self) -> int:
        return len(self._places)

    def in_split(self, split: str) -> tuple[str, ...]:
        """Sorted ids of the models of a split, without reading a surface."""
        return tuple(model_id for model_id in self if self._splits[model_id] == split)


def load_surfaces(paths: Sequence[Path]) -> Surfaces:
    """The surfaces of several shards; only ids and splits are read now.

    Raises:
        ShardError: a file is damaged, lacks a column or a row group for each model, or a model occurs twice.
    """
    places: dict[str, tuple[Path, int]] = {}
    splits: dict[str, str] = {}
    refused: set[str] = set()
    for path in paths:
        with open_shard(path, SCHEMA.names) as shard:
            refused |= _refused(shard, path)
            for group in range(shard.num_row_groups):
                row = _identity(shard, group, path)
                if row["model_id"] in places:
                    raise ShardError(f"{path}: model {row['model_id']!r} is also in {places[row['model_id']][0]}")
                places[row["model_id"]] = (path, group)
                splits[row["model_id"]] = row["split"]
    return Surfaces(places, splits, frozenset(refused))


def _refused(shard: pq.ParquetFile, path: Path) -> set[str]:
    stored = (shard.metadata.metadata or {}).get(REFUSED.encode(), b"[]")
    try:
        return set(map(str, json.loads(stored)))
    except (ValueError, TypeError) as error:
        raise ShardError(f"{path}: expected a JSON list of refused models, got {stored[:80]!r}") from error


def _identity(shard: pq.ParquetFile, group: int, path: Path) -> dict[str, Any]:
    try:
        columns = ["model_id", "split"]
        rows = typed(shard.read_row_group(group, columns=columns), SCHEMA, columns, ()).to_pylist()
    except (OSError, pa.ArrowException, ValueError) as error:
        raise ShardError(f"{path}: row group {group}: damaged: {error}") from error
    if len(rows) != 1:
        raise ShardError(f"{path}: row group {group}: expected one model, got {len(rows)}")
    return rows[0]


def _row(model_id: str, surface: Surface) -> dict[str, Any]:
    return {
        "model_id": model_id,
        "split": surface.split,
        "points": surface.points.astype(np.float32).ravel(),
        "normals": surface.normals.astype(np.float32).ravel(),
        "occupancy": pack(surface.occupancy),
    }


def _surface(row: pa.Table) -> Surface:
    points, normals = (_triples(row[name]) for name in ("points", "normals"))
    if len(points) != len(normals):
        raise ValueError(f"expected as many normals as points, got {len(normals)} and {len(points)}")
    return Surface(points, normals, unpack(row["occupancy"][0].as_py()), row["split"][0].as_py())


def _triples(column: pa.ChunkedArray) -> Float[np.ndarray, "n 3"]:
    values = column.combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return values.astype(np.float32).reshape(-1, 3)
