"""Columns of the image shards, and the row of one image.

``image`` follows the usual layout of image columns (``struct<bytes, path>``), so that common viewers show the images.
Angles are in degrees, as in every file; ``cam2world`` is row-major with OpenCV axes (:mod:`shelfnet.geometry.cameras`).
"""

from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float, UInt8

from shelfnet.data.shards.encoding import encode_png
from shelfnet.data.tags import ObjectTags

SCHEMA = pa.schema(
    [
        ("model_id", pa.string()),
        ("split", pa.string()),
        ("view", pa.int32()),
        ("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        ("caption", pa.string()),
        ("category", pa.string()),
        ("super_category", pa.string()),
        ("style", pa.string()),
        ("theme", pa.string()),
        ("material", pa.string()),
        ("azimuth_deg", pa.float32()),
        ("elevation_deg", pa.float32()),
        ("cam2world", pa.list_(pa.float32(), 16)),
        ("fov_deg", pa.float32()),
        ("engine", pa.string()),
        ("seed", pa.int64()),
    ]
)
"""Columns of a shard, in order."""

TRAINING_COLUMNS = ("image", "split", "caption")
"""All that training may read: no pose, no geometry, no identity."""

DISCOVERY_COLUMNS = ("image", "split", "super_category")
"""All that the discovery of views may read: no pose, no geometry, no identity."""

LABEL_COLUMNS = ("model_id", "split", "view", "category", "azimuth_deg", "elevation_deg")
"""Columns that describe a view apart from its image and caption."""

EVALUATION_COLUMNS = (*LABEL_COLUMNS, "image", "caption")


class ShardError(ValueError):
    """A shard cannot be written or read; the message names the file."""


@dataclass(frozen=True, kw_only=True)
class DatasetObject(ObjectTags):
    """An object of the data set that has images."""

    model_id: str
    split: str
    caption: str


@dataclass(frozen=True)
class ViewMetadata:
    """How an image was made.

    Attributes:
        azimuth_deg: Azimuth about +Y from +Z.
        elevation_deg: Elevation above the horizon.
        cam2world: Camera matrix with OpenCV axes, of the image before a crop.
        fov_deg: Field of view of the whole image before a crop.
        engine: Name of the render engine, or ``photograph``.
        seed: Seed of the view.
    """

    azimuth_deg: float
    elevation_deg: float
    cam2world: Float[np.ndarray, "4 4"]
    fov_deg: float
    engine: str
    seed: int


def image_row(
    subject: DatasetObject, view: int, image: UInt8[np.ndarray, "h w 4"], metadata: ViewMetadata
) -> dict[str, Any]:
    """The row of one image, with the columns of :data:`SCHEMA`.

    Args:
        subject: Object in the image.
        view: Index of the image among those of the object.
        image: RGBA with straight alpha, which is the mask.
        metadata: How the image was made.
    """
    return {
        **{field.name: getattr(subject, field.name) for field in fields(DatasetObject)},
        "view": view,
        "image": {"bytes": encode_png(image), "path": f"{subject.model_id}_{view:03d}.png"},
        **asdict(metadata),
        "cam2world": metadata.cam2world.astype(np.float32).ravel().tolist(),
    }
