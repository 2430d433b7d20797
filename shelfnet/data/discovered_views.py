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

from shelfnet.data.tables import cast_columns, read_parquet
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
    """View and shape of every training image; the fields are the columns of the table.

    Attributes:
        super_category: Super-category of each image; views are found within each.
        shape: Number of the shape of each image, counted over all super-categories.
        azimuth_deg: Most probable azimuth, interpolated between the views of the grid.
        elevation_deg: Mean elevation at the most probable azimuth.
        spread_deg: Circular standard deviation of the azimuth under its posterior, at most 180.
        entropy: Entropy of the posterior over views in nats.
        view_probabilities: Posterior over the views of the grid.
    """

    super_category: tuple[str | None, ...]
    shape: Int[np.ndarray, "n"]
    azimuth_deg: Float[np.ndarray, "n"]
    elevation_deg: Float[np.ndarray, "n"]
    spread_deg: Float[np.ndarray, "n"]
    entropy: Float[np.ndarray, "n"]
    view_probabilities: Float[np.ndarray, "n v"]


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
    columns: dict[str, Any] = {name: getattr(views, name) for name in SCHEMA.names}
    columns["view_probabilities"] = list(views.view_probabilities.astype(np.float32))
    metadata = {b"code_version": code_version().encode(), DATASET_DIGEST: dataset_digest.encode()}
    arrays = [pa.array(columns[field.name], field.type) for field in SCHEMA]
    with complete_file(folder / SHAPES) as shapes_path, complete_file(folder / VIEWS) as views_path:
        occupancy, colours = np.ascontiguousarray(shapes.occupancy), np.ascontiguousarray(shapes.colours)
        save_file({"occupancy": occupancy, "colours": colours}, shapes_path)
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
        table = read_parquet(path)
        digest = (table.schema.metadata or {}).get(DATASET_DIGEST, b"").decode()
        columns = cast_columns(table, SCHEMA, SCHEMA.names, ("super_category",)).to_pydict()
        names, shape = tuple(columns.pop("super_category")), np.array(columns.pop("shape"), dtype=np.int64)
        numbers = {name: np.array(values, dtype=np.float32) for name, values in columns.items()}
    except (OSError, pa.ArrowException, ValueError) as error:
        raise DiscoveryError(f"{path}: expected the views of the training images: {error}") from error
    if digest != dataset_digest:
        raise DiscoveryError(f"{path}: belongs to other images; remove {folder} to find their views anew")
    return DiscoveredViews(super_category=names, shape=shape, **numbers)


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
