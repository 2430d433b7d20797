"""Make the furniture available as a folder in the 3D-FUTURE layout."""

import logging
import shutil
from pathlib import Path

from shelfnet.config.dataset import DatasetSettings, ShowroomSettings
from shelfnet.data.future3d import archives_at, content_digest, dataset_path, extract, find_root
from shelfnet.data.manifest import Manifest, write_manifest
from shelfnet.data.model_info import FILE_NAME, read_model_info
from shelfnet.data.showroom.generate import generate_showroom
from shelfnet.provenance import code_version, publish
from shelfnet.tracking.journal import Journal

logger = logging.getLogger(__name__)


def stage_dataset(*, settings: DatasetSettings, output_dir: Path, manifest: Path, journal: Path) -> None:
    """Generate, extract or find the data set and publish its manifest.

    Args:
        settings: kind and place of the data set.
        output_dir: where a data set is generated or extracted, replacing an earlier one; not touched where the data
            set is a folder that exists.
        manifest: published last, with the root, the digest and the number of listed models.
        journal: events for the tracking server.

    Raises:
        DatasetError: the data set is not there or has no readable list of models.
        ArchiveError: an archive is damaged or tries to harm.
    """
    root = _stage(settings, output_dir)
    infos, refused = read_model_info(root / FILE_NAME)
    staged = Manifest(kind=settings.kind, root=root, digest=content_digest(root), models=len(infos))
    write_manifest(manifest, staged)
    logger.info("%s: %d models listed, %d entries refused", root, len(infos), len(refused))
    events = Journal(journal, run="data")
    events.params({"dataset": settings.model_dump(mode="json")})
    events.tags({"dataset_digest": staged.digest, "code_version": code_version()})
    events.metrics(0, {"models_listed": float(staged.models)})


def _stage(settings: DatasetSettings, output_dir: Path) -> Path:
    if settings.kind == "showroom":
        return _generate(settings.showroom, output_dir)
    source = dataset_path(settings.path, settings.path_env)
    archives = archives_at(source)
    return extract(archives, output_dir) if archives else find_root(source)


def _generate(settings: ShowroomSettings, output_dir: Path) -> Path:
    temporary = output_dir.with_name(output_dir.name + ".partial")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        temporary.mkdir(parents=True)
        generate_showroom(temporary, settings.models, settings.seed, settings.texture_px)
        shutil.rmtree(output_dir, ignore_errors=True)
        publish(temporary, output_dir)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return find_root(output_dir)
