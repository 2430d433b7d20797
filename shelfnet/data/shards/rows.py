"""One image as a row of a shard: what it shows, how it was taken, and its pixels."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from shelfnet.data.shards.encoding import encode_png
from shelfnet.data.tags import ObjectTags, tags_of


@dataclass(frozen=True, kw_only=True)
class Subject(ObjectTags):
    """An object of which there are images."""

    model_id: str
    split: str
    caption: str


@dataclass(frozen=True)
class Shot:
    """How an image was taken.

    Attributes:
        azimuth_deg: about +Y from +Z.
        elevation_deg: up from the horizon.
        cam2world: OpenCV axes.
        fov_deg: of the whole image.
        engine: what made it.
        seed: that its view was drawn with.
    """

    azimuth_deg: float
    elevation_deg: float
    cam2world: Float[np.ndarray, "4 4"]
    fov_deg: float
    engine: str
    seed: int


def image_row(subject: Subject, view: int, image: UInt8[np.ndarray, "h w 4"], shot: Shot) -> dict[str, Any]:
    """The row of one image, with the columns of :data:`shelfnet.data.shards.parquet.SCHEMA`.

    Args:
        subject: what it shows.
        view: its number among those of the subject.
        image: RGBA with straight alpha, which is the mask.
        shot: how it was taken.
    """
    return {
        "model_id": subject.model_id,
        "split": subject.split,
        "view": view,
        "image": {"bytes": encode_png(image), "path": f"{subject.model_id}_{view:03d}.png"},
        "caption": subject.caption,
        **tags_of(subject),
        "azimuth_deg": shot.azimuth_deg,
        "elevation_deg": shot.elevation_deg,
        "cam2world": shot.cam2world.astype(np.float32).ravel().tolist(),
        "fov_deg": shot.fov_deg,
        "engine": shot.engine,
        "seed": shot.seed,
    }
