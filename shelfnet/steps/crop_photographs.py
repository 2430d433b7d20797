"""Crop the photographs of one shard to their objects."""

import logging
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from shelfnet.config.images import ImagesSettings
from shelfnet.config.load import settings_json
from shelfnet.data.catalogue.manifest import read_manifest
from shelfnet.data.catalogue.quarantine import Quarantined, quarantine_model, require_usable, write_quarantine
from shelfnet.data.obj.reader import ModelError
from shelfnet.data.photographs.catalogue import Photograph, read_photographs
from shelfnet.data.photographs.crops import crop_checked
from shelfnet.data.photographs.masks import MaskRemark
from shelfnet.data.photographs.reader import (
    MaskedPhoto,
    MaskSource,
    MissingMaskError,
    PhotoError,
    SegmentFn,
    read_photo,
)
from shelfnet.data.shards.schema import ViewMetadata, image_row
from shelfnet.data.shards.writer import warn_if_oversized, write_shard
from shelfnet.data.shown_names import warn_of
from shelfnet.isolation import IsolatedWorker, WorkerFailedError
from shelfnet.tracking.journal import Journal

STAGE = "crop_photographs"
UNKNOWN_CAMERA = ViewMetadata(
    azimuth_deg=math.nan,
    elevation_deg=math.nan,
    cam2world=np.full((4, 4), math.nan),
    fov_deg=math.nan,
    engine="photograph",
    seed=0,
)
"""Camera columns of photographs: NaN, since Arrow cannot read back nulls among fixed-size lists."""

ADVICE = "; add one, or set dataset.images.segmenter.kind: mask_rcnn"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Crop:
    """A photograph cropped to its object, where its mask comes from, and remarks on the mask."""

    rgba: UInt8[np.ndarray, "s s 4"]
    mask_source: MaskSource
    remarks: tuple[MaskRemark, ...]


def crop_photographs(
    *,
    settings: ImagesSettings,
    resolution_px: int,
    timeout_s: float,
    memory_mb: int,
    manifest: Path,
    photographs: Path,
    shard: int,
    n_shards: int,
    output: Path,
    quarantine: Path,
    journal: Path,
) -> None:
    """Publish the photographs of one shard, cropped to their objects, with masks as alpha.

    Args:
        settings: Crop settings, smallest coverage, and what is done with photographs without a mask.
        resolution_px: Side of the crops in pixels.
        timeout_s: Time limit per photograph, in a child process.
        memory_mb: Memory limit of the child process.
        manifest: Manifest of the staged photographs.
        photographs: Catalogue of photographs.
        shard: Index of the shard.
        n_shards: Number of shards of the settings, which a warning on large shards refers to.
        output: Image shard to publish, Parquet.
        quarantine: Refused photographs to publish, CSV.
        journal: Events for the tracking server.

    Raises:
        AllRefusedError: All photographs of the shard are refused.
    """
    source = read_manifest(manifest)
    chosen = read_photographs(photographs, shard)
    unusable: list[Quarantined] = []
    remarked: dict[MaskRemark, list[str]] = defaultdict(list)
    sources: Counter[MaskSource] = Counter()
    metadata = {"images": settings_json(settings), "dataset_digest": source.digest}
    make = partial(_make_crop, source.root, settings, resolution_px)
    try:
        with IsolatedWorker(make, timeout_s=timeout_s, memory_mb=memory_mb) as worker:
            write_shard(output, _rows(chosen, worker, unusable, remarked, sources), metadata)
    finally:
        write_quarantine(quarantine, unusable)
        for remark, names in remarked.items():
            warn_of(log, f"{len(names)} photographs: {remark}", names)
    warn_if_oversized(output, n_shards)
    log.info("%d of %d photographs cropped, %d refused", len(chosen) - len(unusable), len(chosen), len(unusable))
    log.info("masks from %s", ", ".join(f"{source}: {count}" for source, count in sources.most_common()))
    events = Journal(journal, run="data")
    events.params({"images": settings.model_dump(mode="json")})
    counts = {"photographs_cropped": len(chosen) - len(unusable), "photographs_refused": len(unusable)}
    events.metrics(shard, counts)
    events.artifact(quarantine, "renders")


def _rows(
    photographs: Sequence[Photograph],
    worker: IsolatedWorker[Photograph, Crop],
    unusable: list[Quarantined],
    remarked: dict[MaskRemark, list[str]],
    sources: Counter[MaskSource],
) -> Iterator[dict[str, Any]]:
    """Rows of all usable photographs, one in memory at a time.

    The others are appended to ``unusable``, and photographs with a remarkable mask to ``remarked``. ``sources`` counts
    where masks come from.
    """
    for photograph in photographs:
        try:
            crop = worker.run(photograph)
        except (ModelError, WorkerFailedError) as error:
            unusable.append(quarantine_model(photograph.model_id, STAGE, error, photograph.photo_path))
            continue
        sources[crop.mask_source] += 1
        for remark in crop.remarks:
            remarked[remark].append(photograph.photo_path)
        yield image_row(photograph, photograph.view, crop.rgba, UNKNOWN_CAMERA)
    require_usable(unusable, len(photographs), "photographs")


def _make_crop(root: Path, settings: ImagesSettings, resolution_px: int) -> Callable[[Photograph], Crop]:
    """Factory of the function that runs in the child process."""
    segment = None
    if settings.segmenter.kind != "none":
        # Importing torch takes seconds and half a gigabyte, and most collections do not need it.
        from shelfnet.networks.segmenter import build_segmenter

        segment = build_segmenter(settings.segmenter)
    return lambda photograph: _crop(photograph, root, settings, resolution_px, segment)


def _crop(
    photograph: Photograph, root: Path, settings: ImagesSettings, resolution_px: int, segment: SegmentFn | None
) -> Crop:
    masked = _read(photograph, root, settings, segment)
    isolated = masked.isolate()
    crop = crop_checked(isolated.rgba, resolution_px, settings.object_share, settings, photograph.model_id)
    return Crop(crop, masked.mask_source, isolated.remarks)


def _read(photograph: Photograph, root: Path, settings: ImagesSettings, segment: SegmentFn | None) -> MaskedPhoto:
    """Read a photograph with its mask; messages name files relative to the data set."""
    path = root / photograph.photo_path
    mask_path = None if photograph.mask_path is None else root / photograph.mask_path
    try:
        return read_photo(path, mask_path, segment, plain_background=settings.plain_background)
    except PhotoError as error:
        reason = str(error).removeprefix(f"{path}: ").replace(f"{root}/", "")
        raise PhotoError(reason + ADVICE if isinstance(error, MissingMaskError) else reason) from error
