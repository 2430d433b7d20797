"""Views and shared shapes that discovery finds in the training images: what it publishes, and what training reads.

They come from images and masks alone, so training may use them (:data:`DISCOVERY_COLUMNS`).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Float, Int
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from shelfnet.data.tables import cast_columns
from shelfnet.provenance import code_version
from shelfnet.publishing import complete_file

VIEWS, SHAPES, SHEET = "views.parquet", "shapes.safetensors", "discovery.png"
"""Names of the files in the folder of the discovery: table of views, shapes and their picture."""

SCHEMA = pa.schema(
    [
        ("super_category", pa.string()),
        ("shape", pa.int32()),
        ("azimuth_deg", pa.float32()),
        ("elevation_deg", pa.float32()),
        ("spread_deg", pa.float32()),
        ("entropy", pa.float32()),
        ("view_probabilities", pa.list_(pa.float32())),
    ]
)
"""Columns of the table of views: one row per training image, in the order of the shards and their rows."""

DATASET_DIGEST = b"dataset_digest"


class DiscoveryError(ValueError):
    """The files of a discovery cannot be used; the message names the file."""


@dataclass(frozen=True, kw_only=True)
class DiscoveredViews:
    """View and shape of every training image.

    Attributes:
        super_categories: Super-category of each image; views are found within each.
        shapes: Number of the shape of each image, counted over all super-categories.
        azimuths_deg: Most probable azimuth, interpolated between the views of the grid.
        elevations_deg: Mean elevation at the most probable azimuth.
        spreads_deg: Circular standard deviation of the azimuth under its posterior, at most 180.
        entropies: Entropy of the posterior over views in nats.
        probabilities: Posterior over the views of the grid.
    """

    super_categories: tuple[str | None, ...]
    shapes: Int[np.ndarray, "n"]
    azimuths_deg: Float[np.ndarray, "n"]
    elevations_deg: Float[np.ndarray, "n"]
    spreads_deg: Float[np.ndarray, "n"]
    entropies: Float[np.ndarray, "n"]
    probabilities: Float[np.ndarray, "n v"]


@dataclass(frozen=True)
class SharedShapes:
    """The shapes of all super-categories, symmetric in x.

    Attributes:
        occupancy: Occupancy in [0, 1], the opacity of a path one cell long.
        colours: RGB in [0, 1].
    """

    occupancy: Float[np.ndarray, "k 1 z y x"]
    colours: Float[np.ndarray, "k 3 z y x"]


def write_discovery(folder: Path, views: DiscoveredViews, shapes: SharedShapes, dataset_digest: str) -> None:
    """Publish the views and shapes of a discovery.

    Args:
        folder: Folder of the discovery; created if needed.
        views: One row per training image.
        shapes: The shapes that ``views`` refers to.
        dataset_digest: Digest of the shards.
    """
    columns: dict[str, Any] = {
        "super_category": views.super_categories,
        "shape": views.shapes,
        "azimuth_deg": views.azimuths_deg,
        "elevation_deg": views.elevations_deg,
        "spread_deg": views.spreads_deg,
        "entropy": views.entropies,
        "view_probabilities": list(views.probabilities.astype(np.float32)),
    }
    metadata = {b"code_version": code_version().encode(), DATASET_DIGEST: dataset_digest.encode()}
    arrays = [pa.array(columns[field.name], field.type) for field in SCHEMA]
    with complete_file(folder / SHAPES) as shapes_path, complete_file(folder / VIEWS) as views_path:
        save_file({"occupancy": shapes.occupancy, "colours": shapes.colours}, shapes_path)
        table = pa.Table.from_arrays(arrays, schema=SCHEMA.with_metadata(metadata))
        pq.write_table(table, views_path, compression="zstd")


def read_discovered_views(folder: Path, dataset_digest: str) -> DiscoveredViews:
    """Views of the training images.

    Args:
        folder: Folder that :func:`write_discovery` wrote.
        dataset_digest: Digest of the shards that they are used with.

    Raises:
        DiscoveryError: The file is missing, damaged, or belongs to other shards.
    """
    path = folder / VIEWS
    try:
        table = pq.read_table(path)
        digest = (table.schema.metadata or {}).get(DATASET_DIGEST, b"").decode()
        columns = cast_columns(table, SCHEMA, SCHEMA.names, ("super_category",)).to_pydict()
        probabilities = np.array(columns["view_probabilities"], dtype=np.float32)
    except (OSError, pa.ArrowException, ValueError) as error:
        raise DiscoveryError(f"{path}: expected the views of the training images: {error}") from error
    if digest != dataset_digest:
        raise DiscoveryError(f"{path}: belongs to other images; remove {folder} to find their views anew")
    numbers = {
        name: np.array(columns[name], dtype=np.float32)
        for name in ("azimuth_deg", "elevation_deg", "spread_deg", "entropy")
    }
    return DiscoveredViews(
        super_categories=tuple(columns["super_category"]),
        shapes=np.array(columns["shape"], dtype=np.int64),
        azimuths_deg=numbers["azimuth_deg"],
        elevations_deg=numbers["elevation_deg"],
        spreads_deg=numbers["spread_deg"],
        entropies=numbers["entropy"],
        probabilities=probabilities,
    )


def read_shared_shapes(folder: Path) -> SharedShapes:
    """The shared shapes.

    Raises:
        DiscoveryError: The file is missing or damaged.
    """
    path = folder / SHAPES
    try:
        tensors = load_file(path)
        return SharedShapes(tensors["occupancy"], tensors["colours"])
    except (OSError, KeyError, SafetensorError) as error:
        raise DiscoveryError(f"{path}: expected the shared shapes: {error}") from error
