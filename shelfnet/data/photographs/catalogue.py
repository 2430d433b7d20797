"""A collection of photographs as a data set: which there are, what object each shows, and what they are called.

:mod:`shelfnet.data.photographs.files` pairs files with their masks; a table of tags beside them is optional
(:mod:`shelfnet.data.photographs.tags`). Photographs with the same ``object_id`` there are views of one object and stay
in one split; every other photograph is an object of its own, called after its file.
"""

import hashlib
import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq

from shelfnet.config.dataset import DatasetSettings
from shelfnet.data.catalogue.captions import make_caption
from shelfnet.data.catalogue.model_info import STAGE, DatasetError, ModelInfo, is_safe_id
from shelfnet.data.catalogue.models import SCHEMA as MODELS_SCHEMA
from shelfnet.data.catalogue.quarantine import Quarantined
from shelfnet.data.catalogue.selection import select_models
from shelfnet.data.catalogue.splits import sampling_order, shard_of, split_of
from shelfnet.data.photographs.files import find_photos
from shelfnet.data.photographs.tags import PhotoTags, read_photo_tags
from shelfnet.data.shards.schema import DatasetObject
from shelfnet.data.tags import TAG_FIELDS, tags_of
from shelfnet.provenance import code_version
from shelfnet.publishing import complete_file

SCHEMA = pa.schema(
    [
        ("model_id", pa.string()),
        ("split", pa.string()),
        ("shard", pa.int32()),
        ("view", pa.int32()),
        *TAG_FIELDS,
        ("caption", pa.string()),
        ("photo_path", pa.string()),
        ("mask_path", pa.string()),
    ]
)
"""Columns of ``photographs.parquet``."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Photograph(DatasetObject):
    """One photograph of an object; both paths are relative to the root of the data set."""

    shard: int
    view: int
    photo_path: str
    mask_path: str | None


@dataclass(frozen=True)
class PhotoCatalogue:
    """Photographs sorted by object and view, and those that are refused before a pixel is read."""

    photographs: tuple[Photograph, ...]
    quarantined: tuple[Quarantined, ...]


def make_photo_catalogue(root: Path, settings: DatasetSettings, n_shards: int) -> PhotoCatalogue:
    """Find the photographs that the settings ask for and deal their objects out to splits and shards.

    With ``max_models``, objects are taken in an order drawn by ``split_seed``.

    Args:
        root: folder of the photographs.
        settings: filters, limits and split fractions.
        n_shards: shards over which the objects are dealt out.

    Raises:
        DatasetError: the table of tags cannot be read, or no photograph is left.
    """
    masks = find_photos(root).below_root()
    table = read_photo_tags(root)
    refused = [*table.refused, *(_absent(photo) for photo in table.tags if photo not in masks)]
    unusable = {row.path for row in refused}
    tags = {photo: table.tags.get(photo, PhotoTags()) for photo in masks if photo not in unusable}
    if not tags:
        raise DatasetError(f"{root}: expected photographs, found {len(masks)}, {len(refused)} of them refused")
    objects = group_by_object(tags)
    infos = [ModelInfo(model_id, **tags_of(tags[first])) for model_id, (first, *_) in objects.items()]
    wanted = select_models(infos, settings)
    ids = sampling_order((info.model_id for info in wanted), settings.split_seed)[: settings.max_models]
    photographs = tuple(
        photograph
        for rank, model_id in enumerate(sorted(ids))
        for photograph in _views(model_id, shard_of(rank, n_shards), objects[model_id], tags, masks, settings)
    )
    _warn_of_one_caption(photographs)
    return PhotoCatalogue(photographs, tuple(sorted(refused, key=lambda row: (row.model_id, row.path))))


def group_by_object(tags: Mapping[str, PhotoTags]) -> dict[str, list[str]]:
    """Photographs, sorted, by the id of their object.

    Ids become names of files: those that differ in letter case alone are one object, called as the first one spells
    it. A photograph without ``object_id`` is called after its path, or after a hash of it where the path is no safe
    name or not the only one of its name.
    """
    spelling: dict[str, str] = {}
    for said in tags.values():
        if said.object_id is not None:
            spelling.setdefault(said.object_id.casefold(), said.object_id)
    plain = {photo: _plain_id(photo) for photo, said in tags.items() if said.object_id is None}
    uses = Counter(name.casefold() for name in plain.values())
    objects: dict[str, list[str]] = defaultdict(list)
    for photo, said in sorted(tags.items()):
        if said.object_id is not None:
            objects[spelling[said.object_id.casefold()]].append(photo)
            continue
        name = plain[photo].casefold()
        is_unique = uses[name] == 1 and name not in spelling and is_safe_id(plain[photo])
        objects[plain[photo] if is_unique else _hashed_id(photo)].append(photo)
    return dict(objects)


def write_photographs(path: Path, photographs: Iterable[Photograph]) -> None:
    """Publish ``photographs.parquet``."""
    _publish_table(path, pa.Table.from_pylist([asdict(photograph) for photograph in photographs], schema=SCHEMA))


def write_objects(path: Path, photographs: Iterable[Photograph]) -> None:
    """Publish ``models.parquet``: one row an object with the tags of its first view; what meshes have is null."""
    rows: dict[str, dict] = {}
    for photograph in photographs:
        values = asdict(photograph)
        rows.setdefault(photograph.model_id, {name: values.get(name) for name in MODELS_SCHEMA.names})
    _publish_table(path, pa.Table.from_pylist(list(rows.values()), schema=MODELS_SCHEMA))


def read_photographs(path: Path, shard: int) -> tuple[Photograph, ...]:
    """Photographs of one shard of a catalogue, sorted by object and view.

    Raises:
        ValueError: the file cannot be read or lacks a column.
    """
    try:
        rows = pq.read_table(path, columns=SCHEMA.names, filters=[("shard", "=", shard)]).to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise ValueError(f"{path}: expected a table with the columns {', '.join(SCHEMA.names)}: {error}") from error
    return tuple(Photograph(**row) for row in rows)


def _views(
    model_id: str,
    shard: int,
    photos: Sequence[str],
    tags: Mapping[str, PhotoTags],
    masks: Mapping[str, str | None],
    settings: DatasetSettings,
) -> list[Photograph]:
    """The photographs of one object, numbered in the order of their paths."""
    shares = settings.splits
    split = split_of(model_id, shares.validation, shares.test, settings.split_seed)
    return [
        Photograph(
            model_id=model_id,
            split=split,
            shard=shard,
            view=view,
            **tags_of(tags[photo]),
            caption=_caption(tags[photo]),
            photo_path=photo,
            mask_path=masks[photo],
        )
        for view, photo in enumerate(photos)
    ]


def _caption(said: PhotoTags) -> str:
    return said.caption or make_caption(said.style, said.category or said.super_category, said.material)


def _plain_id(photo: str) -> str:
    return "_".join(PurePosixPath(photo).with_suffix("").parts)


def _hashed_id(photo: str) -> str:
    return f"photo-{hashlib.sha256(photo.encode('utf-8', 'surrogateescape')).hexdigest()[:16]}"


def _absent(photo: str) -> Quarantined:
    return Quarantined("", STAGE, "the table of tags names a photograph that is not there", photo)


def _warn_of_one_caption(photographs: Sequence[Photograph]) -> None:
    captions = {photograph.caption for photograph in photographs}
    if len(captions) == 1:
        logger.warning("every photograph has the caption %r: a CLIP loss can teach nothing from it", captions.pop())


def _publish_table(path: Path, table: pa.Table) -> None:
    with complete_file(path) as temporary:
        pq.write_table(table.replace_schema_metadata({"code_version": code_version()}), temporary)
