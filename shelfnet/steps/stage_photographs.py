"""Find a collection of photographs, or extract it, and say what is in it."""

import hashlib
import logging
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from shelfnet.config.dataset import DatasetSettings
from shelfnet.data.archives import extract_zip
from shelfnet.data.image_source import find_masks
from shelfnet.data.manifest import Manifest, write_manifest
from shelfnet.data.model_info import DatasetError
from shelfnet.data.photo_tags import TABLES
from shelfnet.provenance import code_version, file_digest, publish
from shelfnet.tracking.journal import Journal

logger = logging.getLogger(__name__)

WHAT_TO_GIVE = (
    "point dataset.path (or the environment variable of dataset.path_env) at a folder, or a zip file, of photographs: "
    "PNG with alpha, or pictures with mask files beside them (chair.jpg with chair_mask.png or masks/chair.png)"
)


def stage_photographs(*, settings: DatasetSettings, output_dir: Path, manifest: Path, journal: Path) -> None:
    """Publish the manifest of a folder of photographs; a zip file is extracted into ``output_dir`` before.

    Args:
        settings: place of the photographs.
        output_dir: where an archive is extracted, replacing an earlier one; not touched where the photographs lie in
            a folder.
        manifest: published last, with the root, the digest and the number of photographs.
        journal: events for the tracking server.

    Raises:
        DatasetError: nothing is there, or no photograph in it.
        ArchiveError: the archive is damaged or tries to harm.
    """
    source = _source(settings)
    root = _extract(source, output_dir) if source.is_file() else source
    masks = find_masks(root)
    if not masks:
        raise DatasetError(f"{source}: expected photographs in it, found none; {WHAT_TO_GIVE}")
    digest = _digest(root, [*masks, *(mask for mask in masks.values() if mask is not None)])
    staged = Manifest(kind=settings.kind, root=root, digest=digest, models=len(masks))
    write_manifest(manifest, staged)
    with_file = sum(mask is not None for mask in masks.values())
    logger.info("%s: %d photographs, %d with a mask file", root, len(masks), with_file)
    events = Journal(journal, run="data")
    events.params({"dataset": settings.model_dump(mode="json")})
    events.tags({"dataset_digest": staged.digest, "code_version": code_version()})
    events.metrics(0, {"photographs_listed": float(staged.models)})


def _source(settings: DatasetSettings) -> Path:
    given = os.environ.get(settings.path_env or "") or settings.path
    if not given:
        raise DatasetError(f"dataset.path is not set; {WHAT_TO_GIVE}")
    source = Path(given).expanduser()
    if not source.exists():
        raise DatasetError(f"{source} is not there; {WHAT_TO_GIVE}")
    return source.resolve()


def _extract(archive: Path, output_dir: Path) -> Path:
    temporary = output_dir.with_name(output_dir.name + ".partial")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        extract_zip(archive, temporary)
        shutil.rmtree(output_dir, ignore_errors=True)
        publish(temporary, output_dir)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return output_dir.resolve()


def _digest(root: Path, files: Iterable[str]) -> str:
    """SHA-256 over names and contents of photographs, mask files and the table of tags."""
    digest = hashlib.sha256()
    for name in sorted({*files, *(table for table in TABLES if (root / table).is_file())}):
        digest.update(os.fsencode(name) + f":{file_digest(root / name)}\n".encode())
    return digest.hexdigest()
