"""Cut the objects of one shard out of their photographs."""

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from shelfnet.config.images import ImagesSettings
from shelfnet.config.load import settings_json
from shelfnet.data.image_source import Photograph, read_photographs
from shelfnet.data.manifest import read_manifest
from shelfnet.data.photos import (
    PhotoError,
    Segment,
    check_coverage,
    check_object_size,
    crop_to_object,
    read_photo,
)
from shelfnet.data.pictures import PictureError, check_picture, encode_png
from shelfnet.data.quarantine import Quarantined, write_quarantine
from shelfnet.data.shards import write_shard
from shelfnet.isolation import IsolatedWorker, WorkerFailedError
from shelfnet.tracking.journal import Journal

STAGE = "crop_photographs"
ENGINE = "photograph"
"""What stands in the column ``engine`` of a picture that nobody rendered."""
UNKNOWN = math.nan
"""Value of the columns of a photograph's camera: a number that is none reads alike in every reader of Parquet, while
Arrow cannot read a null among lists of fixed size back."""

Crop = UInt8[np.ndarray, "s s 4"]

log = logging.getLogger(__name__)


class CropError(RuntimeError):
    """A shard has photographs, and not one of them can be used."""


def crop_photographs(
    *,
    settings: ImagesSettings,
    resolution_px: int,
    timeout_s: float,
    memory_mb: int,
    manifest: Path,
    photographs: Path,
    shard: int,
    output: Path,
    quarantine: Path,
    journal: Path,
) -> None:
    """Publish the photographs of one shard, cropped to their objects, with their masks as alpha.

    Args:
        settings: how crops are made, least coverage, and the segmenter of photographs without a mask.
        resolution_px: side of the crops.
        timeout_s: longest time for one photograph, which is read in a process of its own.
        memory_mb: most memory of that process.
        manifest: of the staged photographs.
        photographs: the catalogue of photographs.
        shard: which photographs.
        output: the shard of pictures to publish, Parquet.
        quarantine: photographs that cannot be used, to publish as CSV.
        journal: events for the tracking server.

    Raises:
        CropError: the shard has photographs, and all of them are refused.
    """
    source = read_manifest(manifest)
    chosen = read_photographs(photographs, shard)
    refused: list[Quarantined] = []
    metadata = {"images": settings_json(settings), "dataset_digest": source.digest}
    make = partial(_make_crop, source.root, settings, resolution_px)
    try:
        with IsolatedWorker(make, timeout_s=timeout_s, memory_mb=memory_mb) as worker:
            write_shard(output, _rows(chosen, source.root, worker, refused), metadata)
    finally:
        write_quarantine(quarantine, refused)
    log.info("%d of %d photographs cropped, %d refused", len(chosen) - len(refused), len(chosen), len(refused))
    events = Journal(journal, run="data")
    events.params({"images": settings.model_dump(mode="json")})
    counts = {"photographs_cropped": len(chosen) - len(refused), "photographs_refused": len(refused)}
    events.metrics(shard, {name: float(count) for name, count in counts.items()})
    events.artifact(quarantine, "renders")


def _rows(
    photographs: Sequence[Photograph], root: Path, worker: IsolatedWorker[Photograph, Crop], refused: list[Quarantined]
) -> Iterator[dict[str, Any]]:
    """Rows of all usable photographs, one in memory at a time; the others end in ``refused``."""
    for photograph in photographs:
        try:
            yield _row(photograph, worker.run(photograph))
        except (PhotoError, PictureError, WorkerFailedError) as error:
            reason = str(error).removeprefix(f"{root / photograph.photo_path}: ").replace(f"{root}/", "")
            log.warning("%s is refused: %s", photograph.photo_path, reason)
            refused.append(Quarantined(photograph.model_id, STAGE, reason, photograph.photo_path))
    if photographs and len(refused) == len(photographs):
        reasons = "; ".join(f"{row.path}: {row.reason}" for row in refused[:3])
        raise CropError(
            f"all {len(photographs)} photographs of the shard are refused, the first ones because {reasons}"
        )


def _make_crop(root: Path, settings: ImagesSettings, resolution_px: int) -> Callable[[Photograph], Crop]:
    """What runs in a process of its own, photograph after photograph."""
    segment = None
    if settings.segmenter.kind != "none":
        # Torch takes seconds and half a gigabyte, which most collections do not need.
        from shelfnet.networks.segmenter import build_segmenter

        segment = build_segmenter(settings.segmenter)
    return lambda photograph: _crop(photograph, root, settings, resolution_px, segment)


def _crop(
    photograph: Photograph, root: Path, settings: ImagesSettings, resolution_px: int, segment: Segment | None
) -> Crop:
    mask_path = None if photograph.mask_path is None else root / photograph.mask_path
    rgba = read_photo(root / photograph.photo_path, mask_path, segment)
    check_coverage(rgba, settings.min_coverage)
    check_object_size(rgba, settings.min_object_px)
    crop = crop_to_object(rgba, resolution_px, settings.object_share)
    check_picture(crop, photograph.model_id)
    return crop


def _row(photograph: Photograph, crop: Crop) -> dict[str, Any]:
    return {
        "model_id": photograph.model_id,
        "split": photograph.split,
        "view": photograph.view,
        "image": {"bytes": encode_png(crop), "path": f"{photograph.model_id}_{photograph.view:03d}.png"},
        "caption": photograph.caption,
        "category": photograph.category,
        "super_category": photograph.super_category,
        "style": photograph.style,
        "theme": photograph.theme,
        "material": photograph.material,
        "azimuth_deg": UNKNOWN,
        "elevation_deg": UNKNOWN,
        "cam2world": [UNKNOWN] * 16,
        "fov_deg": UNKNOWN,
        "engine": ENGINE,
        "seed": 0,
    }
