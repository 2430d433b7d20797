"""Ground-truth surfaces for the evaluation: points, normals, occupancy and mesh of each model in the object frame.

A file has one row group per model, so readers hold one model at a time. Its metadata list the models of the shard whose
surface could not be sampled.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Bool, Float, Num

from shelfnet.data.occupancy import pack, solid_occupancy, unpack
from shelfnet.data.seeding import hashed_integer
from shelfnet.data.shards.reader import open_shard
from shelfnet.data.shards.schema import ShardError
from shelfnet.data.tables import cast_columns
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
        ("vertices", pa.list_(pa.float32())),
        ("faces", pa.list_(pa.int32())),
    ]
)
"""Columns of a shard of surfaces."""

REFUSED = "refused"
"""Metadata key of the JSON list of model ids without a surface."""


@dataclass(frozen=True)
class SurfaceSamples:
    """The true surface of one model in the object frame.

    Attributes:
        points: Area-uniform points.
        normals: Unit normals of the faces at the points.
        occupancy: Filled cells of [-1/2, 1/2]^3.
        split: Split of the model.
        mesh: The surface itself, for metrics that need more points.
    """

    points: Float[np.ndarray, "n 3"]
    normals: Float[np.ndarray, "n 3"]
    occupancy: Bool[np.ndarray, "z y x"]
    split: str
    mesh: Mesh


def measure_surface(mesh: Mesh, model_id: str, split: str, n_points: int, seed: int) -> SurfaceSamples:
    """Area-uniform points with normals, solid occupancy, and the mesh in the object frame.

    Args:
        mesh: Mesh in the frame and unit of its file.
        model_id: Id of the model, which seeds the points together with ``seed``.
        split: Split of the model.
        n_points: Number of points on the surface.
        seed: Seed of the settings.
    """
    normalised = _stored(normalise(mesh))
    rng = np.random.default_rng(hashed_integer(f"surface-{seed}\0{model_id}"))
    points, normals = sample_surface(normalised, n_points, rng)
    return SurfaceSamples(
        points.astype(np.float32), normals.astype(np.float32), solid_occupancy(normalised), split, normalised
    )


def _stored(mesh: Mesh) -> Mesh:
    """The mesh as files hold it: used vertices only, rounded to float32."""
    used, faces = np.unique(mesh.faces, return_inverse=True)
    return Mesh(mesh.vertices[used].astype(np.float32).astype(np.float64), faces.reshape(-1, 3).astype(np.int64))


def write_surfaces(path: Path, surfaces: Iterable[tuple[str, SurfaceSamples | None]]) -> None:
    """Stream surfaces into a shard and publish it.

    Args:
        path: The shard.
        surfaces: Model ids with their surfaces, or with ``None`` for models whose surface could not be sampled.
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


class SurfaceDataset:
    """Surfaces by model id, each read from its shard on access; iteration is over sorted ids.

    Attributes:
        refused: Ids of the models whose surface could not be sampled.
    """

    def __init__(
        self, locations: dict[str, tuple[Path, int]], splits: dict[str, str], refused: frozenset[str] = frozenset()
    ) -> None:
        self._locations = locations
        self._splits = splits
        self.refused = refused

    def __getitem__(self, model_id: str) -> SurfaceSamples:
        path, row_group = self._locations[model_id]
        with open_shard(path, SCHEMA.names) as shard:
            try:
                return _surface(_model_row(shard, row_group, SCHEMA.names))
            except (OSError, pa.ArrowException, ValueError) as error:
                raise ShardError(f"{path}: model {model_id!r}: damaged: {error}") from error

    def __contains__(self, model_id: str) -> bool:
        return model_id in self._locations

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._locations))

    def __len__(self) -> int:
        return len(self._locations)

    def in_split(self, split: str) -> tuple[str, ...]:
        """Sorted model ids of a split; no surface is read."""
        return tuple(model_id for model_id in self if self._splits[model_id] == split)


def load_surfaces(paths: Sequence[Path]) -> SurfaceDataset:
    """The surfaces of several shards, of which only ids and splits are read now.

    Raises:
        ShardError: A file is damaged, lacks a column or a row group per model, or a model occurs twice.
    """
    locations: dict[str, tuple[Path, int]] = {}
    splits: dict[str, str] = {}
    refused: set[str] = set()
    for path in paths:
        with open_shard(path, SCHEMA.names) as shard:
            refused |= _refused(shard, path)
            for group in range(shard.num_row_groups):
                model_id, split = _identity(shard, group, path)
                if model_id in locations:
                    raise ShardError(f"{path}: model {model_id!r} is also in {locations[model_id][0]}")
                locations[model_id] = (path, group)
                splits[model_id] = split
    return SurfaceDataset(locations, splits, frozenset(refused))


def _refused(shard: pq.ParquetFile, path: Path) -> set[str]:
    stored = (shard.metadata.metadata or {}).get(REFUSED.encode(), b"[]")
    try:
        return set(map(str, json.loads(stored)))
    except (ValueError, TypeError) as error:
        raise ShardError(f"{path}: expected a JSON list of refused models, got {stored[:80]!r}") from error


def _identity(shard: pq.ParquetFile, group: int, path: Path) -> tuple[str, str]:
    """Model id and split of a row group."""
    try:
        (row,) = _model_row(shard, group, ["model_id", "split"]).to_pylist()
    except (OSError, pa.ArrowException, ValueError) as error:
        raise ShardError(f"{path}: row group {group}: damaged: {error}") from error
    return row["model_id"], row["split"]


def _model_row(shard: pq.ParquetFile, group: int, columns: Sequence[str]) -> pa.Table:
    """Columns of the only row of a row group, in batches as in :func:`~shelfnet.data.tables.read_parquet`."""
    batches = list(shard.iter_batches(row_groups=[group], columns=list(columns)))
    if [batch.num_rows for batch in batches] != [1]:
        raise ValueError(f"expected one model, got {sum(batch.num_rows for batch in batches)}")
    return cast_columns(batches[0], SCHEMA, columns, ())


def _row(model_id: str, surface: SurfaceSamples) -> dict[str, Any]:
    return {
        "model_id": model_id,
        "split": surface.split,
        "points": surface.points.astype(np.float32).ravel(),
        "normals": surface.normals.astype(np.float32).ravel(),
        "occupancy": pack(surface.occupancy),
        "vertices": surface.mesh.vertices.astype(np.float32).ravel(),
        "faces": surface.mesh.faces.astype(np.int32).ravel(),
    }


def _surface(row: pa.Table) -> SurfaceSamples:
    points, normals = (_triples(row[name]) for name in ("points", "normals"))
    if len(points) != len(normals):
        raise ValueError(f"expected as many normals as points, got {len(normals)} and {len(points)}")
    return SurfaceSamples(points, normals, unpack(row["occupancy"][0].as_py()), row["split"][0].as_py(), _mesh(row))


def _mesh(row: pa.Table) -> Mesh:
    vertices, faces = _triples(row["vertices"]).astype(np.float64), _triples(row["faces"]).astype(np.int64)
    if not (np.isfinite(vertices).all() and faces.size and faces.min() >= 0 and faces.max() < len(vertices)):
        raise ValueError(f"expected faces among {len(vertices)} finite vertices")
    return Mesh(vertices, faces)


def _triples(column: pa.ChunkedArray) -> Num[np.ndarray, "n 3"]:
    return column.combine_chunks().flatten().to_numpy(zero_copy_only=False).reshape(-1, 3)
