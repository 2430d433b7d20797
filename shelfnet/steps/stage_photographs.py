"""Find or extract a collection of photographs and publish its manifest."""

import hashlib
import logging
import os
from collections.abc import Iterable
from pathlib import Path

from shelfnet.config.dataset import DatasetSettings
from shelfnet.config.load import ConfigError
from shelfnet.config.place import EXPECTED, find_place
from shelfnet.data.archives import extract_zip
from shelfnet.data.catalogue.manifest import Manifest, write_manifest
from shelfnet.data.catalogue.model_info import DatasetError
from shelfnet.data.photographs.files import find_photos, find_tables
from shelfnet.provenance import code_version, file_digest
from shelfnet.publishing import complete_folder
from shelfnet.tracking.journal import Journal

log = logging.getLogger(__name__)


def stage_photographs(*, settings: DatasetSettings, output_dir: Path, manifest: Path, journal: Path) -> None:
    """Publish the manifest of a folder of photographs, or of a zip file after extracting it.

    Args:
        settings: Location of the photographs.
        output_dir: Folder for the content of a zip file, replaced if it exists; unused otherwise.
        manifest: Manifest to publish, with the root, the digest and the number of photographs.
        journal: Events for the tracking server.

    Raises:
        ConfigError: There is nothing at the configured location.
        DatasetError: There are no photographs.
        ArchiveError: The archive is damaged or malicious.
    """
    source = find_place(settings, os.environ)
    if source is None:
        raise ConfigError(f"expected dataset.kind images, got {settings.kind}")
    root = _extract(source, output_dir) if source.is_file() else source
    found = find_photos(root)
    masks = found.below_root()
    if not masks:
        others = f" ({found.skipped_text()})" if found.skipped else ""
        raise DatasetError(f"{source}: found no photographs{others}; expected {EXPECTED['images']}")
    digest = _digest(root, [*masks, *(mask for mask in masks.values() if mask is not None)])
    staged = Manifest(kind=settings.kind, root=root, digest=digest, models=len(masks))
    write_manifest(manifest, staged)
    with_file = sum(mask is not None for mask in masks.values())
    log.info("%s: %d photographs, %d with a mask file", root, len(masks), with_file)
    events = Journal(journal, run="data")
    events.params({"dataset": settings.model_dump(mode="json")})
    events.tags({"dataset_digest": staged.digest, "code_version": code_version()})
    events.dataset(manifest, staged.kind, staged.digest)
    events.metrics(0, {"photographs_listed": staged.models})


def _extract(archive: Path, output_dir: Path) -> Path:
    with complete_folder(output_dir) as temporary:
        extract_zip(archive, temporary)
    return output_dir.resolve()


def _digest(root: Path, files: Iterable[str]) -> str:
    """SHA-256 of names and contents of photographs, masks and the table of tags."""
    digest = hashlib.sha256()
    for name in sorted({*files, *(table.name for table in find_tables(root))}):
        digest.update(os.fsencode(name) + f":{file_digest(root / name)}\n".encode())
    return digest.hexdigest()
