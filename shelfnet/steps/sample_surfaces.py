"""Sample the ground-truth surfaces of the evaluation."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from shelfnet.config.dataset import DatasetSettings
from shelfnet.data.catalogue.manifest import read_manifest
from shelfnet.data.catalogue.models import CatalogueModel, read_models
from shelfnet.data.catalogue.quarantine import Quarantined, quarantine_model, require_usable, write_quarantine
from shelfnet.data.obj.reader import load_obj
from shelfnet.data.surfaces import SurfaceSamples, measure_surface, write_surfaces
from shelfnet.isolation import IsolatedWorker

STAGE = "sample_surfaces"


def sample_surfaces(
    *, settings: DatasetSettings, manifest: Path, models: Path, shard: int, output: Path, quarantine: Path
) -> None:
    """Publish points, normals and occupancy of the models of one shard.

    Args:
        settings: Number of points, limits and seed.
        manifest: Manifest of the staged data set.
        models: The catalogue.
        shard: Index of the shard.
        output: Output shard, Parquet.
        quarantine: Output CSV of the models whose surface cannot be sampled; the evaluation skips them.

    Raises:
        AllRefusedError: All models of the shard are refused.
    """
    root = read_manifest(manifest).root
    quarantined: list[Quarantined] = []
    try:
        write_surfaces(output, _measured(read_models(models, shard), root, settings, quarantined))
    finally:
        write_quarantine(quarantine, quarantined)


def _measured(
    models: Sequence[CatalogueModel], root: Path, settings: DatasetSettings, quarantined: list[Quarantined]
) -> Iterator[tuple[str, SurfaceSamples | None]]:
    make = partial(_make_measure, root, settings)
    with IsolatedWorker(make, timeout_s=settings.model_timeout_s, memory_mb=settings.model_memory_mb) as worker:
        for model in models:
            surface = None
            try:
                surface = worker.run(model)
            except Exception as error:  # one faulty model must not stop the others
                quarantined.append(quarantine_model(model.model_id, STAGE, error, model.obj_path))
            yield model.model_id, surface
    require_usable(quarantined, len(models))


def _make_measure(root: Path, settings: DatasetSettings) -> Callable[[CatalogueModel], SurfaceSamples]:
    """The function that a child process applies to each model."""

    def measure(model: CatalogueModel) -> SurfaceSamples:
        mesh = load_obj(root / model.obj_path, settings.max_faces)
        return measure_surface(mesh, model.model_id, model.split, settings.surface_points, settings.split_seed)

    return measure
