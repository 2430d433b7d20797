"""Find out which models can be used."""

import logging
from collections import Counter
from pathlib import Path

from shelfnet.config.dataset import DatasetSettings
from shelfnet.data.catalogue import make_catalogue, write_models
from shelfnet.data.manifest import read_manifest
from shelfnet.data.quarantine import write_quarantine
from shelfnet.tracking.journal import Journal

logger = logging.getLogger(__name__)


def build_catalogue(
    *, settings: DatasetSettings, n_shards: int, manifest: Path, models: Path, quarantine: Path, journal: Path
) -> None:
    """Examine every model of a staged data set; publish the usable and the refused ones.

    Args:
        settings: filters, limits and split fractions.
        n_shards: shards over which the models are dealt out.
        manifest: of the staged data set.
        models: the catalogue to publish, Parquet.
        quarantine: the refused models to publish, CSV.
        journal: events for the tracking server.

    Raises:
        DatasetError: no model can be used.
    """
    catalogue = make_catalogue(read_manifest(manifest).root, settings, n_shards)
    splits = Counter(model.split for model in catalogue.models)
    for split in ("train", "validation", "test"):
        if not splits[split]:
            logger.warning("no model falls into split %s; change dataset.split_seed or dataset.splits", split)
    write_quarantine(quarantine, catalogue.quarantined)
    write_models(models, catalogue.models)
    events = Journal(journal, run="data")
    counts = {"models": len(catalogue.models), "quarantined": len(catalogue.quarantined)}
    counts |= {f"models_{split}": count for split, count in splits.items()}
    events.metrics(0, {name: float(count) for name, count in counts.items()})
    events.artifact(models, "catalogue")
    events.artifact(quarantine, "catalogue")
