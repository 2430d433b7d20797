"""Take the pictures of one shard of models."""

import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from shelfnet.config.load import settings_json
from shelfnet.config.render import RenderSettings
from shelfnet.data.catalogue import CatalogueModel, read_models
from shelfnet.data.manifest import read_manifest
from shelfnet.data.objects import ModelError
from shelfnet.data.pictures import PictureError, check_picture, encode_png
from shelfnet.data.quarantine import Quarantined, refused, write_quarantine
from shelfnet.data.shards import warn_of_size, write_shard
from shelfnet.data.view_sampling import Views, model_generator, sample_views
from shelfnet.isolation import WorkerFailedError
from shelfnet.steps.render_engines import Pictures, Sitting, isolated_engine
from shelfnet.tracking.journal import Journal

STAGE = "render_views"
LOG_INTERVAL_S = 10.0

log = logging.getLogger(__name__)


class RenderError(RuntimeError):
    """A shard has models, and not one of them gave usable pictures."""


@dataclass
class Progress:
    """How far a shard is.

    Attributes:
        n_models: models of the shard.
        n_views: views a model.
        done: models rendered or refused so far.
        refused: the refused ones.
    """

    n_models: int
    n_views: int
    done: int = 0
    refused: list[Quarantined] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)
    logged: float = 0.0

    @property
    def views_per_s(self) -> float:
        """Pictures a second, refused models left out."""
        elapsed = max(time.monotonic() - self.started, 1e-9)
        return (self.done - len(self.refused)) * self.n_views / elapsed

    def advance(self) -> None:
        """Count a model, and tell the log at intervals."""
        self.done += 1
        now = time.monotonic()
        if now - self.logged >= LOG_INTERVAL_S or self.done == self.n_models:
            left_s = (now - self.started) / self.done * (self.n_models - self.done)
            message = "%d of %d models, %d refused, %.1f views/s, %.0f s left"
            log.info(message, self.done, self.n_models, len(self.refused), self.views_per_s, left_s)
            self.logged = now


def render_views(
    *,
    settings: RenderSettings,
    manifest: Path,
    models: Path,
    shard: int,
    threads: int,
    output: Path,
    quarantine: Path,
    journal: Path,
) -> None:
    """Publish pictures of the models of one shard, from random views of the prior p(v).

    Args:
        settings: engine, camera, quality and seed.
        manifest: of the staged data set.
        models: the catalogue.
        shard: which models.
        threads: what the engine may use.
        output: the shard of pictures to publish, Parquet.
        quarantine: models whose pictures cannot be used, to publish as CSV.
        journal: events for the tracking server.

    Raises:
        RenderError: the shard has models, and all of them are refused.
        DeviceError: the device that the settings ask for is not there.
    """
    source = read_manifest(manifest)
    chosen = read_models(models, shard)
    progress = Progress(len(chosen), settings.views_per_model)
    metadata = {"render": settings_json(settings), "dataset_digest": source.digest}
    try:
        write_shard(output, _shard_rows(settings, source.root, chosen, threads, progress), metadata)
    finally:
        write_quarantine(quarantine, progress.refused)
    warn_of_size(output, settings.shards)
    _record(journal, settings, shard, progress, quarantine)


def _shard_rows(
    settings: RenderSettings, root: Path, models: Sequence[CatalogueModel], threads: int, progress: Progress
) -> Iterator[dict[str, Any]]:
    """Rows of all usable models, one model's pictures in memory at a time."""
    if not models:
        log.info("no model falls into this shard")
        return
    with isolated_engine(settings, threads) as photograph:
        for model in models:
            try:
                yield from _model_rows(settings, root, model, photograph)
            except (ModelError, PictureError, WorkerFailedError) as error:
                progress.refused.append(refused(model.model_id, STAGE, error, model.obj_path))
            progress.advance()
    if len(progress.refused) == len(models):
        reasons = "; ".join(f"{row.model_id}: {row.reason}" for row in progress.refused[:3])
        raise RenderError(f"all {len(models)} models of the shard are refused, the first ones because of {reasons}")


def _model_rows(
    settings: RenderSettings, root: Path, model: CatalogueModel, photograph: Callable[[Sitting], Pictures]
) -> list[dict[str, Any]]:
    """Rows of one model, every picture of it checked before the first one counts."""
    generator = model_generator(settings.seed, model.model_id)
    views = sample_views(settings.prior, settings.views_per_model, generator)
    cameras = views.cam2world(settings.camera_distance)
    pictures = photograph(Sitting(root / model.obj_path, cameras))
    for picture in pictures:
        check_picture(picture, model.model_id)
    return [_row(settings, model, view, views, cameras[view], picture) for view, picture in enumerate(pictures)]


def _row(
    settings: RenderSettings,
    model: CatalogueModel,
    view: int,
    views: Views,
    cam2world: Float[np.ndarray, "4 4"],
    picture: UInt8[np.ndarray, "h w 4"],
) -> dict[str, Any]:
    return {
        "model_id": model.model_id,
        "split": model.split,
        "view": view,
        "image": {"bytes": encode_png(picture), "path": f"{model.model_id}_{view:03d}.png"},
        "caption": model.caption,
        "category": model.category,
        "super_category": model.super_category,
        "style": model.style,
        "theme": model.theme,
        "material": model.material,
        "azimuth_deg": math.degrees(views.azimuth[view]),
        "elevation_deg": math.degrees(views.elevation[view]),
        "cam2world": cam2world.astype(np.float32).ravel().tolist(),
        "fov_deg": settings.fov_deg,
        "engine": settings.engine,
        "seed": settings.seed,
    }


def _record(journal: Path, settings: RenderSettings, shard: int, progress: Progress, quarantine: Path) -> None:
    events = Journal(journal, run="data")
    events.params({"render": settings.model_dump(mode="json")})
    refused = len(progress.refused)
    counts = {"models_rendered": float(progress.done - refused), "models_refused": float(refused)}
    events.metrics(shard, {**counts, "views_per_s": progress.views_per_s})
    events.artifact(quarantine, "renders")
