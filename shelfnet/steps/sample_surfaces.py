"""Sample the true surfaces that the evaluation compares against."""

from collections.abc import Iterator
from pathlib import Path

from shelfnet.config.dataset import DatasetSettings
from shelfnet.data.catalogue import CatalogueModel, read_models
from shelfnet.data.manifest import read_manifest
from shelfnet.data.objects import ModelError, load_obj
from shelfnet.data.surfaces import Surface, measure_surface, write_surfaces


def sample_surfaces(*, settings: DatasetSettings, manifest: Path, models: Path, shard: int, output: Path) -> None:
    """Publish points, normals and occupancy of the models of one shard.

    Args:
        settings: number of points, limits and seed.
        manifest: of the staged data set.
        models: the catalogue.
        shard: which models.
        output: the shard to publish, Parquet.

    Raises:
        ModelError: a model that the catalogue lists cannot be read any more.
    """
    root = read_manifest(manifest).root
    write_surfaces(output, _measured(read_models(models, shard), root, settings))


def _measured(
    models: tuple[CatalogueModel, ...], root: Path, settings: DatasetSettings
) -> Iterator[tuple[str, Surface]]:
    for model in models:
        try:
            mesh = load_obj(root / model.obj_path, settings.max_faces)
        except ModelError as error:
            raise ModelError(f"model {model.model_id}, which the catalogue lists: {error}") from error
        yield (
            model.model_id,
            measure_surface(mesh, model.model_id, model.split, settings.surface_points, settings.split_seed),
        )
