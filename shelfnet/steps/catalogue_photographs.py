"""Find out which photographs there are and what object each shows."""

import logging
from collections import Counter
from pathlib import Path

from shelfnet.config.dataset import DatasetSettings
from shelfnet.data.catalogue.manifest import read_manifest
from shelfnet.data.catalogue.quarantine import write_quarantine
from shelfnet.data.photographs.catalogue import make_photo_catalogue, write_objects, write_photographs
from shelfnet.tracking.journal import Journal

logger = logging.getLogger(__name__)


def catalogue_photographs(
    *,
    settings: DatasetSettings,
    n_shards: int,
    manifest: Path,
    models: Path,
    photographs: Path,
    quarantine: Path,
    journal: Path,
) -> None:
    """Publish one row an object and one a photograph; no image is opened yet.

    Args:
        settings: filters, limits and split fractions.
        n_shards: shards over which the objects are dealt out.
        manifest: of the staged photographs.
        models: objects to publish, Parquet with the columns of every catalogue; what meshes have is null.
        photographs: photographs to publish, Parquet.
        quarantine: what is refused, to publish as CSV.
        journal: events for the tracking server.

    Raises:
        DatasetError: the table of tags cannot be read, or no photograph is left.
    """
    catalogue = make_photo_catalogue(read_manifest(manifest).root, settings, n_shards)
    split_of = {photograph.model_id: photograph.split for photograph in catalogue.photographs}
    splits = Counter(split_of.values())
    for split in ("train", "validation", "test"):
        if not splits[split]:
            logger.warning("no object falls into split %s; change dataset.split_seed or dataset.splits", split)
    write_quarantine(quarantine, catalogue.quarantined)
    write_objects(models, catalogue.photographs)
    write_photographs(photographs, catalogue.photographs)
    events = Journal(journal, run="data")
    counts = {"models": len(split_of), "photographs": len(catalogue.photographs)}
    counts |= {"quarantined": len(catalogue.quarantined)}
    counts |= {f"models_{split}": count for split, count in splits.items()}
    events.metrics(0, {name: float(count) for name, count in counts.items()})
    for path in (models, photographs, quarantine):
        events.artifact(path, "catalogue")
