"""Provide the models as a folder in the 3D-FUTURE layout."""

import logging
import os
from functools import partial
from pathlib import Path

from shelfnet.config.dataset import DatasetSettings, ShowroomSettings
from shelfnet.config.place import find_place
from shelfnet.data.catalogue.dataset_layout import content_digest, find_root
from shelfnet.data.catalogue.manifest import Manifest, write_manifest
from shelfnet.data.catalogue.model_info import LIST_NAME, read_model_info
from shelfnet.data.catalogue.quarantine import Quarantined, write_quarantine
from shelfnet.data.importers.staging import stage_models
from shelfnet.data.sources.downloads import RemoteFile, fetch
from shelfnet.data.sources.folder import find_models, models_of
from shelfnet.data.sources.objaverse import fetch_objects, find_objects
from shelfnet.data.sources.release import Release, assemble, find_release
from shelfnet.procedural.generate import generate_furniture
from shelfnet.provenance import code_version
from shelfnet.publishing import complete_folder
from shelfnet.tracking.journal import Journal

log = logging.getLogger(__name__)


def stage_dataset(
    *, settings: DatasetSettings, output_dir: Path, manifest: Path, quarantine: Path, journal: Path
) -> None:
    """Generate, download, extract, convert or find the data set and publish its manifest.

    Args:
        settings: Kind and location of the data set.
        output_dir: Folder of a generated, extracted or converted data set, which replaces an earlier one; unused if the
            data set is an existing folder.
        manifest: Output JSON with the root, the digest and the number of listed models; published last.
        quarantine: Output CSV of the models that cannot be converted.
        journal: Tracking journal.

    Raises:
        ConfigError: The data set is not where the settings say.
        DatasetError: The data set has no readable list of models, or too few models.
        DownloadError: A file cannot be downloaded or is not the expected one.
        ArchiveError: An archive is damaged or unsafe.
    """
    root, quarantined = _stage(settings, output_dir)
    infos, refused = read_model_info(root / LIST_NAME)
    staged = Manifest(kind=settings.kind, root=root, digest=content_digest(root), models=len(infos))
    write_quarantine(quarantine, quarantined)
    write_manifest(manifest, staged)
    log.info("%s: %d models listed, %d entries refused", root, len(infos), len(refused) + len(quarantined))
    events = Journal(journal, run="data")
    events.tags({"dataset_digest": staged.digest, "code_version": code_version()})
    events.dataset(manifest, staged.kind, staged.digest)
    events.metrics(0, {"models_listed": staged.models})


def _stage(settings: DatasetSettings, output_dir: Path) -> tuple[Path, list[Quarantined]]:
    """The root of the data set, and the models that cannot be converted."""
    if settings.kind == "showroom":
        return _generate(settings.showroom, output_dir), []
    if settings.kind == "objaverse":
        return _convert_objects(settings, output_dir)
    place = find_place(settings, os.environ)
    if place is None:
        return assemble(_fetched(settings), output_dir), []
    if settings.kind == "folder":
        return _convert_folder(settings, place, output_dir)
    release = find_release(place)
    return find_root(place) if release is None else assemble(release, output_dir), []


def _fetched(settings: DatasetSettings) -> Release:
    folder = Path(settings.downloads).expanduser()
    remotes = [RemoteFile(item.url, item.sha256, item.size_bytes) for item in settings.urls]
    files = [fetch(remote, folder) for remote in remotes]
    lists = tuple(file for file in files if file.suffix.lower() == ".json")
    return Release(tuple(file for file in files if file not in lists), lists)


def _convert_objects(settings: DatasetSettings, output_dir: Path) -> tuple[Path, list[Quarantined]]:
    infos = find_objects(settings.objaverse)
    fetch_some = partial(fetch_objects, settings=settings.objaverse)
    quarantined = stage_models(list(infos.values()), fetch_some, output_dir, settings)
    return find_root(output_dir), quarantined


def _convert_folder(settings: DatasetSettings, place: Path, output_dir: Path) -> tuple[Path, list[Quarantined]]:
    tags = Path(settings.folder.tags).expanduser() if settings.folder.tags else None
    models, unsupported = find_models(place, tags)
    quarantined = stage_models([model.info for model in models], models_of(models), output_dir, settings)
    return find_root(output_dir), unsupported + quarantined


def _generate(settings: ShowroomSettings, output_dir: Path) -> Path:
    with complete_folder(output_dir) as temporary:
        generate_furniture(temporary, settings.models, settings.seed, settings.texture_px)
    return find_root(output_dir)
