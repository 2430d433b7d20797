"""List the photographs of a collection and the objects they show."""

from pathlib import Path

from shelfnet.config.dataset import DatasetSettings
from shelfnet.data.catalogue.manifest import read_manifest
from shelfnet.data.catalogue.quarantine import write_quarantine
from shelfnet.data.catalogue.splits import count_splits
from shelfnet.data.photographs.catalogue import make_photo_catalogue, write_objects, write_photographs
from shelfnet.tracking.journal import Journal


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
    """Publish one row per object and one per photograph, without opening any image.

    Args:
        settings: Filters, limits and split fractions.
        n_shards: Number of shards.
        manifest: Manifest of the staged photographs.
        models: Objects to publish, Parquet with the columns of every catalogue; mesh columns are null.
        photographs: Photographs to publish, Parquet.
        quarantine: Refused photographs to publish, CSV.
        journal: Events for the tracking server.

    Raises:
        DatasetError: The table of tags cannot be read, or no photograph is left.
    """
    catalogue = make_photo_catalogue(read_manifest(manifest).root, settings, n_shards)
    split_of = {photograph.model_id: photograph.split for photograph in catalogue.photographs}
    splits = count_splits(split_of.values())
    write_quarantine(quarantine, catalogue.quarantined)
    write_objects(models, catalogue.photographs)
    write_photographs(photographs, catalogue.photographs)
    events = Journal(journal, run="data")
    counts = {
        "models": len(split_of),
        "photographs": len(catalogue.photographs),
        "quarantined": len(catalogue.quarantined),
    }
    events.metrics(0, counts | splits)
    for path in (models, photographs, quarantine):
        events.artifact(path, "catalogue")
