"""Discover views and shared shapes in the training images, once per data set."""

import logging
import math
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from shelfnet.config.discovery import DiscoverySettings
from shelfnet.config.load import settings_json
from shelfnet.config.render import RenderSettings
from shelfnet.data.discovered_views import SHAPES, SHEET, VIEWS, DiscoveredViews, SharedShapes, write_discovery
from shelfnet.data.shards.reader import load_discovery_views
from shelfnet.dependencies import code_digest
from shelfnet.devices import pick_device
from shelfnet.discovery.contact_sheet import save_contact_sheet
from shelfnet.discovery.expectation_maximisation import Discovery, discover, pyramid_sizes
from shelfnet.discovery.frames import align_frames
from shelfnet.discovery.image_pyramid import ImagePyramid
from shelfnet.discovery.progress import Progress
from shelfnet.discovery.summary import summarise_views
from shelfnet.provenance import code_version, files_digest, texts_digest
from shelfnet.tracking.journal import Journal

log = logging.getLogger(__name__)

UNCERTAIN_SPREAD_DEG = 45.0
UNCERTAIN_FRACTION = 0.5
"""Fraction of images whose azimuth spreads further, above which a warning is logged."""

UNCERTAIN = (
    "%s of views are uncertain (spread above %.0f°); training predicts these views itself. More images help, and so "
    "does one kind of furniture per super-category"
)
FULL_COVERAGE = 0.98


def discover_views(
    *,
    settings: DiscoverySettings,
    render: RenderSettings,
    shards: Sequence[Path],
    output: Path,
    device: str,
    threads: int,
    journal: Path,
) -> None:
    """Find the views of all training images, and the shapes they share, within each super-category.

    An interrupted discovery with the same code, settings and data continues after its last finished stage.

    Args:
        settings: Numbers of shapes and steps, and the seed.
        render: Camera and view prior.
        shards: Shards of images; image and super-category of the training split alone are read.
        output: Folder for the table of views, the shapes and their picture.
        device: ``auto``, ``cpu`` or ``cuda``.
        threads: Number of CPU threads.
        journal: Event file for the tracking server.

    Raises:
        RuntimeError: ``cuda`` is asked for and there is no CUDA GPU.
        ShardError: A shard is damaged, or there are no training images.
    """
    torch.set_num_threads(threads)
    torch_device = pick_device(device)
    digest = files_digest(shards)
    loaded = load_discovery_views(shards)
    _warn_without_masks(loaded.images)
    signature = texts_digest(code_digest("steps.discover_views"), settings_json(settings, render), digest)
    names = sorted(set(loaded.super_categories), key=str)
    rows = [np.flatnonzero([name == own for own in loaded.super_categories]) for name in names]
    discoveries, pyramids = [], []
    for number, (name, own) in enumerate(zip(names, rows, strict=True)):
        images = ImagePyramid(loaded.images, own, pyramid_sizes(settings), torch_device, align=settings.align_objects)
        log.info("%s: %d images", name, len(images))
        progress = Progress(output / "resume" / f"{number}.safetensors", signature)
        own_settings = settings.model_copy(update={"shapes": n_shapes(settings, len(own), max(map(len, rows)))})
        discoveries.append(discover(images, own_settings, render, str(name), progress))
        pyramids.append(images)
    discoveries = align_frames(discoveries)
    views, shapes = _join(discoveries, rows, names)
    _report_confidence(views)
    fov, distance = math.radians(render.fov_deg), render.camera_distance
    save_contact_sheet(output / SHEET, discoveries, pyramids, fov, distance)
    write_discovery(output, views, shapes, digest)
    shutil.rmtree(output / "resume", ignore_errors=True)
    events = Journal(journal, "discovery")
    events.params(settings.model_dump(mode="json"))
    events.tags({"code_version": code_version(), "dataset_digest": digest})
    events.metrics(0, {"median_spread_deg": np.median(views.spread_deg), "entropy": views.entropy.mean()})
    events.image(0, "discovery", output / SHEET)
    for file in (VIEWS, SHAPES, SHEET):
        events.artifact(output / file, "discovery")


def n_shapes(settings: DiscoverySettings, images: int, largest: int) -> int:
    """Number of shapes of a super-category, in proportion to the square root of its number of images."""
    return max(1, round(settings.shapes * math.sqrt(images / largest)))


def _join(
    discoveries: Sequence[Discovery], rows: Sequence[np.ndarray], names: Sequence[str | None]
) -> tuple[DiscoveredViews, SharedShapes]:
    """The discoveries of all super-categories, in the order of the images, with shapes counted through."""
    n = sum(map(len, rows))
    columns = {key: np.zeros(n, dtype=np.float32) for key in ("azimuth", "elevation", "spread", "entropy")}
    shape_of, category_of = np.zeros(n, dtype=np.int64), np.empty(n, dtype=object)
    probabilities = np.zeros((n, discoveries[0].grid.size), dtype=np.float32)
    first_shape = 0
    for discovery, own, name in zip(discoveries, rows, names, strict=True):
        summary = summarise_views(discovery.views, discovery.grid)
        for key, column in columns.items():
            column[own] = getattr(summary, key).cpu().numpy()
        shape_of[own] = first_shape + discovery.shapes.argmax(dim=1).cpu().numpy()
        category_of[own] = name
        probabilities[own] = discovery.views.cpu().numpy()
        first_shape += len(discovery.logits)
    views = DiscoveredViews(
        super_category=tuple(category_of),
        shape=shape_of,
        azimuth_deg=np.degrees(columns["azimuth"]),
        elevation_deg=np.degrees(columns["elevation"]),
        spread_deg=np.degrees(columns["spread"]),
        entropy=columns["entropy"],
        view_probabilities=probabilities,
    )
    occupancy = torch.cat([torch.sigmoid(discovery.logits) for discovery in discoveries]).cpu().numpy()
    colours = torch.cat([discovery.colours for discovery in discoveries]).cpu().numpy()
    return views, SharedShapes(occupancy, colours)


def _warn_without_masks(images: np.ndarray) -> None:
    """Warn if most masks cover the whole image, as they do in images without an alpha channel."""
    shown = images[np.linspace(0, len(images) - 1, min(len(images), 64)).astype(int), ..., 3]
    if np.median((shown > 127).mean(axis=(1, 2))) >= FULL_COVERAGE:
        log.warning(
            "most masks cover the whole image, so views cannot be found; give each image the mask of its object"
        )


def _report_confidence(views: DiscoveredViews) -> None:
    spread = views.spread_deg
    uncertain = float((spread > UNCERTAIN_SPREAD_DEG).mean())
    share = f"{100 * uncertain:.0f} %"
    message = "views of %d images found: azimuth spread %.0f° (median), %s of images above %.0f°"
    log.info(message, len(spread), np.median(spread), share, UNCERTAIN_SPREAD_DEG)
    if uncertain > UNCERTAIN_FRACTION:
        log.warning(UNCERTAIN, share, UNCERTAIN_SPREAD_DEG)
