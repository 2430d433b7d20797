"""Render the images of one shard of models."""

import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from shelfnet.config.load import settings_json
from shelfnet.config.render import RenderSettings
from shelfnet.data.catalogue.manifest import read_manifest
from shelfnet.data.catalogue.models import CatalogueModel, read_models
from shelfnet.data.catalogue.quarantine import Quarantined, quarantine_model, require_usable, write_quarantine
from shelfnet.data.obj.reader import ModelError
from shelfnet.data.seeding import named_generator
from shelfnet.data.shards.encoding import check_image
from shelfnet.data.shards.schema import ViewMetadata, image_row
from shelfnet.data.shards.writer import warn_if_oversized, write_shard
from shelfnet.data.variation.conditions import draw_conditions, vary_camera
from shelfnet.data.variation.photos import make_photo
from shelfnet.data.view_sampling import sample_views
from shelfnet.isolation import WorkerFailedError
from shelfnet.steps.render_engines import Images, RenderJob, isolated_engine
from shelfnet.tracking.journal import Journal

STAGE = "render_views"
LOG_INTERVAL_S = 10.0

log = logging.getLogger(__name__)


@dataclass
class ShardProgress:
    """Progress of a shard.

    Attributes:
        n_models: Number of models in the shard.
        n_views: Number of views per model.
        done: Number of models rendered or refused so far.
        refused: Refused models.
    """

    n_models: int
    n_views: int
    done: int = 0
    refused: list[Quarantined] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)
    logged: float = 0.0

    @property
    def views_per_s(self) -> float:
        """Images per second, without refused models."""
        elapsed = max(time.monotonic() - self.started, 1e-9)
        return (self.done - len(self.refused)) * self.n_views / elapsed

    def advance(self) -> None:
        """Count a model, and log the progress at intervals."""
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
    """Publish images of the models of one shard, from random views of the prior p(v).

    Args:
        settings: Engine, camera, quality and seed.
        manifest: Manifest of the staged data set.
        models: The catalogue.
        shard: Index of the shard.
        threads: Number of threads of the engine.
        output: Output shard of images, Parquet.
        quarantine: Output CSV of the models whose images cannot be used.
        journal: Tracking journal.

    Raises:
        AllRefusedError: All models of the shard are refused.
        DeviceError: The configured device is not available.
    """
    source = read_manifest(manifest)
    chosen = read_models(models, shard)
    progress = ShardProgress(len(chosen), settings.views_per_model)
    metadata = {"render": settings_json(settings), "dataset_digest": source.digest}
    try:
        write_shard(output, _shard_rows(settings, source.root, chosen, threads, progress), metadata)
    finally:
        write_quarantine(quarantine, progress.refused)
    warn_if_oversized(output, settings.shards)
    _record(journal, settings, shard, progress, quarantine)


def _shard_rows(
    settings: RenderSettings, root: Path, models: Sequence[CatalogueModel], threads: int, progress: ShardProgress
) -> Iterator[dict[str, Any]]:
    """Rows of all usable models; the images of one model at a time are in memory."""
    if not models:
        log.info("this shard has no models")
        return
    with isolated_engine(settings, threads) as render:
        for model in models:
            try:
                yield from _model_rows(settings, root, model, render)
            except (ModelError, WorkerFailedError) as error:
                progress.refused.append(quarantine_model(model.model_id, STAGE, error, model.obj_path))
            progress.advance()
    require_usable(progress.refused, len(models))


def _model_rows(
    settings: RenderSettings, root: Path, model: CatalogueModel, render: Callable[[RenderJob], Images]
) -> list[dict[str, Any]]:
    """Rows of one model, returned only after all its images passed the checks."""
    generator = named_generator(settings.seed, model.model_id)
    views = sample_views(settings.prior, settings.views_per_model, generator)
    conditions = tuple(
        draw_conditions(settings, model.model_id, view, azimuth) for view, azimuth in enumerate(views.azimuth)
    )
    cameras = [
        vary_camera(settings, model.model_id, view, camera, conditions[view].fov)
        for view, camera in enumerate(views.cam2world(settings.camera_distance))
    ]
    images = render(RenderJob(root / model.obj_path, np.stack(cameras), conditions))
    rows = []
    for view, image in enumerate(images):
        check_image(image, model.model_id)
        photo = make_photo(settings, model.model_id, view, image)
        metadata = ViewMetadata(
            azimuth_deg=math.degrees(views.azimuth[view]),
            elevation_deg=math.degrees(views.elevation[view]),
            cam2world=cameras[view],
            fov_deg=math.degrees(conditions[view].fov),
            engine=settings.engine,
            seed=settings.seed,
        )
        rows.append(image_row(model, view, photo, metadata))
    return rows


def _record(journal: Path, settings: RenderSettings, shard: int, progress: ShardProgress, quarantine: Path) -> None:
    events = Journal(journal, run="data")
    events.params({"render": settings.model_dump(mode="json")})
    refused = len(progress.refused)
    counts = {"models_rendered": progress.done - refused, "models_refused": refused}
    events.metrics(shard, {**counts, "views_per_s": progress.views_per_s})
    events.artifact(quarantine, "renders")
