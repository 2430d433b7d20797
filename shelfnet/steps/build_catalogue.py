"""Determine which models are usable."""

import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from shelfnet.config.dataset import DatasetSettings
from shelfnet.data.catalogue.manifest import read_manifest
from shelfnet.data.catalogue.models import CatalogueModel, make_catalogue, write_models
from shelfnet.data.catalogue.quarantine import read_quarantine, write_quarantine
from shelfnet.data.catalogue.splits import count_splits
from shelfnet.data.sources.objaverse import require_instances
from shelfnet.tracking.journal import Journal

REPORTED_CATEGORIES = 50

log = logging.getLogger(__name__)


def build_catalogue(
    *,
    settings: DatasetSettings,
    n_shards: int,
    manifest: Path,
    staging_quarantine: Path,
    models: Path,
    quarantine: Path,
    journal: Path,
) -> None:
    """Examine every model of a staged data set and publish the usable and the refused ones.

    Args:
        settings: Filters, limits and split fractions.
        n_shards: Number of shards the models are distributed over.
        manifest: Manifest of the staged data set.
        staging_quarantine: CSV of the models refused by staging, which are added to the quarantine.
        models: Output catalogue, Parquet.
        quarantine: Output CSV of the refused models.
        journal: Tracking journal.

    Raises:
        DatasetError: No model is usable, or a category of Objaverse has fewer usable ones than ``minimum_models``.
    """
    catalogue = make_catalogue(read_manifest(manifest).root, settings, n_shards)
    quarantined = [*read_quarantine(staging_quarantine), *catalogue.quarantined]
    _report_categories(catalogue.models)
    require_instances(catalogue.models, quarantined, settings)
    splits = count_splits(model.split for model in catalogue.models)
    write_quarantine(quarantine, quarantined)
    write_models(models, catalogue.models)
    events = Journal(journal, run="data")
    events.params({"dataset": settings.model_dump(mode="json", exclude={"urls"})})  # addresses may hold access tokens
    events.metrics(0, {"models": len(catalogue.models), "quarantined": len(quarantined)} | splits)
    events.artifact(models, "catalogue")
    events.artifact(quarantine, "catalogue")


def _report_categories(models: Sequence[CatalogueModel]) -> None:
    """Log the number of models of each category, largest first."""
    counts = Counter(model.category or "no category" for model in models)
    for category, count in counts.most_common(REPORTED_CATEGORIES):
        log.info("%s: %d models", category, count)
    if len(counts) > REPORTED_CATEGORIES:
        log.info("and %d more categories", len(counts) - REPORTED_CATEGORIES)
