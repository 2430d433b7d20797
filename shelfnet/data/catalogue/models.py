"""The catalogue: usable models with split, shard, caption and statistics, and refused models with reasons."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from shelfnet.config.dataset import DatasetSettings
from shelfnet.data.catalogue.captions import make_caption
from shelfnet.data.catalogue.dataset_layout import OBJ_NAME, model_folders, unlisted_folders
from shelfnet.data.catalogue.model_info import LIST_NAME, STAGE, DatasetError, ModelInfo, read_model_info
from shelfnet.data.catalogue.quarantine import Quarantined, first_reasons, quarantine_model
from shelfnet.data.catalogue.selection import select_models
from shelfnet.data.catalogue.splits import sampling_order, shard_of, split_of
from shelfnet.data.name_index import NameIndex
from shelfnet.data.obj.materials import read_materials
from shelfnet.data.obj.reader import ModelError, load_obj_model
from shelfnet.data.shards.schema import DatasetObject
from shelfnet.data.shown_names import warn_of
from shelfnet.data.tables import read_table, write_table
from shelfnet.data.tags import TAG_FIELDS, TAGS
from shelfnet.file_tree import list_folder
from shelfnet.isolation import IsolatedWorker

SCHEMA = pa.schema(
    [
        ("model_id", pa.string()),
        ("split", pa.string()),
        ("shard", pa.int32()),
        *TAG_FIELDS,
        ("caption", pa.string()),
        ("obj_path", pa.string()),
        ("n_vertices", pa.int64()),
        ("n_faces", pa.int64()),
        ("longest_side_m", pa.float64()),
        ("textured", pa.bool_()),
    ]
)
"""Columns of ``models.parquet``."""

PLAUSIBLE_SIDE_M = (0.05, 20.0)
"""Range of plausible longest sides in metres; outside it, the unit is probably wrong. Normalisation removes it."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class MeshStatistics:
    """Statistics of an OBJ file; ``obj_path`` is relative to the root of the data set."""

    obj_path: str
    n_vertices: int
    n_faces: int
    longest_side_m: float
    textured: bool


@dataclass(frozen=True, kw_only=True)
class CatalogueModel(DatasetObject, MeshStatistics):
    """A usable model."""

    shard: int


@dataclass(frozen=True)
class Catalogue:
    """Usable and refused models, each sorted by id."""

    models: tuple[CatalogueModel, ...]
    quarantined: tuple[Quarantined, ...]


def make_catalogue(root: Path, settings: DatasetSettings, n_shards: int) -> Catalogue:
    """Examine the models selected by the settings.

    With ``max_models``, models are examined in a random order (``split_seed``) until enough are usable.

    Args:
        root: Folder with ``model_info.json``.
        settings: Filters, limits and split fractions.
        n_shards: Number of shards the models are distributed over.

    Raises:
        DatasetError: The list cannot be read, the filters leave nothing, or every model is refused.
    """
    infos, quarantined = read_model_info(root / LIST_NAME)
    chosen = {info.model_id: info for info in select_models(infos, settings)}
    folders = model_folders(root)
    unlisted = unlisted_folders(folders, (row.model_id for row in (*infos, *quarantined)))
    warn_of(log, f"{root}: {len(unlisted)} folders with models that {LIST_NAME} does not list", unlisted)
    index = NameIndex(folders.items())
    unusable = NameIndex(list_folder(root).unusable.items())
    usable: dict[str, MeshStatistics] = {}
    make = partial(_make_measure, root, settings.max_faces)
    with IsolatedWorker(make, timeout_s=settings.model_timeout_s, memory_mb=settings.model_memory_mb) as worker:
        for model_id in sampling_order(chosen, settings.split_seed):
            if len(usable) == settings.max_models:
                break
            try:
                usable[model_id] = worker.run(_folder_of(model_id, index, unusable))
            except Exception as error:  # one faulty model must not stop the others
                quarantined.append(quarantine_model(model_id, STAGE, error, f"{model_id}/{OBJ_NAME}"))
    if not usable:
        raise DatasetError(f"{root}: all {len(quarantined)} models are quarantined{first_reasons(quarantined)}")
    models = (
        _catalogue_model(chosen[model_id], usable[model_id], shard_of(rank, n_shards), settings)
        for rank, model_id in enumerate(sorted(usable))
    )
    return Catalogue(tuple(models), tuple(sorted(quarantined, key=lambda row: (row.model_id, row.reason))))


def write_models(path: Path, models: Iterable[CatalogueModel]) -> None:
    """Publish ``models.parquet``."""
    write_table(path, map(asdict, models), SCHEMA)


def read_models(path: Path, shard: int | None = None) -> tuple[CatalogueModel, ...]:
    """Models of a catalogue, sorted by id; only those of one shard if ``shard`` is given.

    Raises:
        ValueError: The file cannot be read or lacks a column.
    """
    models = (CatalogueModel(**row) for row in read_table(path, SCHEMA, TAGS))
    return tuple(model for model in models if shard is None or model.shard == shard)


def _folder_of(model_id: str, folders: NameIndex[Path], unusable: NameIndex[str]) -> Path:
    folder = folders.find(model_id)
    if folder is not None:
        return folder
    fault = unusable.find(model_id)
    raise ModelError("no folder of this name" if fault is None else f"{model_id} {fault}")


def _make_measure(root: Path, max_faces: int) -> Callable[[Path], MeshStatistics]:
    """The function that a child process applies to each model."""
    return lambda folder: _measure(root, folder, max_faces)


def _measure(root: Path, folder: Path, max_faces: int) -> MeshStatistics:
    obj_path = folder / OBJ_NAME
    model = load_obj_model(obj_path, max_faces)
    used = model.vertices[np.unique(model.faces)]
    materials = read_materials(folder, model.materials, model.libraries)
    longest_side_m = float((used.max(axis=0) - used.min(axis=0)).max())
    if not PLAUSIBLE_SIDE_M[0] <= longest_side_m <= PLAUSIBLE_SIDE_M[1]:
        log.warning("%s: a longest side of %g m is not plausible", folder.name, longest_side_m)
    return MeshStatistics(
        obj_path=obj_path.relative_to(root).as_posix(),
        n_vertices=len(model.vertices),
        n_faces=len(model.faces),
        longest_side_m=longest_side_m,
        textured=any(material.texture is not None for material in (*materials.numbered, materials.unnamed)),
    )


def _catalogue_model(info: ModelInfo, mesh: MeshStatistics, shard: int, settings: DatasetSettings) -> CatalogueModel:
    fractions = settings.splits
    return CatalogueModel(
        **asdict(info),
        **asdict(mesh),
        split=split_of(info.model_id, fractions.validation, fractions.test, settings.split_seed),
        shard=shard,
        caption=make_caption(info.style, info.category, info.material),
    )
