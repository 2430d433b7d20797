"""Catalogue of a collection of photographs: objects, splits, shards, captions and tags.

Photographs with the same ``object_id`` in the table of tags are views of one object and share its split. Any other
photograph is an object of its own, named after its file.
"""

import hashlib
import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath

import pyarrow as pa

from shelfnet.config.dataset import DatasetSettings
from shelfnet.data.catalogue.captions import make_caption
from shelfnet.data.catalogue.model_info import STAGE, DatasetError, ModelInfo, clean_tag, is_safe_id
from shelfnet.data.catalogue.models import SCHEMA as MODELS_SCHEMA
from shelfnet.data.catalogue.quarantine import Quarantined
from shelfnet.data.catalogue.selection import select_models
from shelfnet.data.catalogue.splits import sampling_order, shard_of, split_of
from shelfnet.data.catalogue.tag_tables import read_tag_table
from shelfnet.data.name_index import PathIndex
from shelfnet.data.photographs.files import TABLES, find_photos, find_tables
from shelfnet.data.shards.schema import DatasetObject
from shelfnet.data.shown_names import warn_of
from shelfnet.data.tables import read_table, write_table
from shelfnet.data.tags import TAG_FIELDS, TAGS, ObjectTags, tags_of

KEY = "photo"
"""Column with the path of a photograph relative to the root folder, with slashes."""
OPTIONAL_COLUMNS = ("object_id", *TAGS, "caption")

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class PhotoTags(ObjectTags):
    """Tags of one photograph; ``None`` if unknown."""

    object_id: str | None = None
    caption: str | None = None


@dataclass(frozen=True)
class TagTable:
    """Tags by photograph, and the photographs or rows that are refused."""

    tags: Mapping[str, PhotoTags]
    refused: tuple[Quarantined, ...]


def read_photo_tags(root: Path) -> TagTable:
    """Read the table of tags; empty if there is none. Only the first row of a photograph is used.

    Raises:
        DatasetError: There are two tables, or the table cannot be read or has no column ``photo``.
    """
    paths = find_tables(root)
    if len(paths) > 1:
        raise DatasetError(f"{root}: expected one of {' and '.join(TABLES)}, found both")
    if not paths:
        return TagTable({}, ())
    tags: dict[str, PhotoTags] = {}
    refused = []
    n_nameless = 0
    for row in read_tag_table(paths[0], (KEY,), OPTIONAL_COLUMNS):
        if KEY not in row:
            n_nameless += 1
            continue
        photo = row[KEY].strip().replace("\\", "/").removeprefix("./")
        if photo in tags:
            log.warning("%s: several rows for %s; the first one is used", paths[0], photo)
            continue
        tags[photo] = PhotoTags(**{name: clean_tag(photo, name, row.get(name)) for name in OPTIONAL_COLUMNS})
        object_id = tags[photo].object_id
        if object_id is not None and not is_safe_id(object_id):
            refused.append(Quarantined(object_id, STAGE, f"{paths[0].name}: object_id is not a safe file name", photo))
    if n_nameless:
        log.warning("%s: %d rows have no %s", paths[0], n_nameless, KEY)
    return TagTable(tags, tuple(refused))


def match_photos(table: TagTable, photos: Iterable[str]) -> TagTable:
    """A table with the paths of its photographs as they are on disk.

    Rows that match no single photograph are refused; they are logged, as are rows that repeat a photograph.

    Args:
        table: Tags by photograph as the table spells it; see :class:`~shelfnet.data.name_index.PathIndex`.
        photos: Paths of all photographs below the root.
    """
    paths = PathIndex(photos)
    found = {row: paths.find(row) for row in table.tags}
    unmatched = [row for row, photo in found.items() if photo is None]
    tags: dict[str, PhotoTags] = {}
    repeated: list[str] = []
    for row, photo in found.items():
        if photo is not None:
            repeated += [row] if photo in tags else []
            tags.setdefault(photo, table.tags[row])
    counts = f"{len(unmatched)} of {len(found)} rows match no single photograph"
    warn_of(log, f"table of tags: {counts} and are not used", unmatched)
    warn_of(log, f"table of tags: {len(repeated)} rows repeat a photograph, whose first row is used", repeated)
    missing = "the table of tags names no single photograph"
    refused = [replace(row, path=found[row.path] or row.path) for row in table.refused]
    return TagTable(tags, (*refused, *(Quarantined("", STAGE, missing, row) for row in unmatched)))


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


@dataclass(frozen=True, kw_only=True)
class Photograph(DatasetObject):
    """One photograph of an object; both paths are relative to the root of the data set."""

    shard: int
    view: int
    photo_path: str
    mask_path: str | None


@dataclass(frozen=True)
class PhotoCatalogue:
    """Photographs sorted by object and view, and those refused before any image is read."""

    photographs: tuple[Photograph, ...]
    quarantined: tuple[Quarantined, ...]


def make_photo_catalogue(root: Path, settings: DatasetSettings, n_shards: int) -> PhotoCatalogue:
    """Find and select photographs, and assign their objects to splits and shards.

    With ``max_models``, objects are sampled in an order drawn from ``split_seed``.

    Args:
        root: Folder of the photographs.
        settings: Filters, limits and split fractions.
        n_shards: Number of shards.

    Raises:
        DatasetError: The table of tags cannot be read, or no photograph is left.
    """
    masks = find_photos(root).below_root()
    table = match_photos(read_photo_tags(root), masks)
    refused = table.refused
    unusable = {row.path for row in refused}
    tags = {photo: table.tags.get(photo, PhotoTags()) for photo in masks if photo not in unusable}
    if not tags:
        raise DatasetError(f"{root}: expected photographs, found {len(masks)}, {len(refused)} of them refused")
    objects = group_by_object(tags)
    infos = [ModelInfo(model_id, **tags_of(tags[first])) for model_id, (first, *_) in objects.items()]
    selected = select_models(infos, settings)
    ids = sampling_order((info.model_id for info in selected), settings.split_seed)[: settings.max_models]
    photographs = []
    for rank, model_id in enumerate(sorted(ids)):
        split = split_of(model_id, settings.splits.validation, settings.splits.test, settings.split_seed)
        for view, photo in enumerate(objects[model_id]):
            photographs.append(
                Photograph(
                    model_id=model_id,
                    split=split,
                    shard=shard_of(rank, n_shards),
                    view=view,
                    **tags_of(tags[photo]),
                    caption=_caption(tags[photo]),
                    photo_path=photo,
                    mask_path=masks[photo],
                )
            )
    _warn_of_one_caption(photographs)
    return PhotoCatalogue(tuple(photographs), tuple(sorted(refused, key=lambda row: (row.model_id, row.path))))


def group_by_object(tags: Mapping[str, PhotoTags]) -> dict[str, list[str]]:
    """Sorted photographs by object id.

    Ids become file names, so that ids that differ only in letter case are one object, spelled as its first photograph
    does. A photograph without ``object_id`` is named after its path, or after a hash of the path if that name is unsafe
    or not unique.
    """
    spelling: dict[str, str] = {}
    for tag in tags.values():
        if tag.object_id is not None:
            spelling.setdefault(tag.object_id.casefold(), tag.object_id)
    names = {photo: _name_of(photo) for photo, tag in tags.items() if tag.object_id is None}
    uses = Counter(name.casefold() for name in names.values())
    objects: dict[str, list[str]] = defaultdict(list)
    for photo, tag in sorted(tags.items()):
        if tag.object_id is not None:
            objects[spelling[tag.object_id.casefold()]].append(photo)
            continue
        key = names[photo].casefold()
        is_usable = uses[key] == 1 and key not in spelling and is_safe_id(names[photo])
        objects[names[photo] if is_usable else _hashed_name(photo)].append(photo)
    return dict(objects)


def write_photographs(path: Path, photographs: Iterable[Photograph]) -> None:
    """Publish ``photographs.parquet``."""
    write_table(path, map(asdict, photographs), SCHEMA)


def write_objects(path: Path, photographs: Iterable[Photograph]) -> None:
    """Publish ``models.parquet``: one row per object with the tags of its first view; mesh columns are null."""
    rows: dict[str, dict] = {}
    for photograph in photographs:
        rows.setdefault(photograph.model_id, asdict(photograph))
    write_table(path, rows.values(), MODELS_SCHEMA)


def read_photographs(path: Path, shard: int) -> tuple[Photograph, ...]:
    """Photographs of one shard, sorted by object and view.

    Raises:
        ValueError: The file cannot be read or lacks a column.
    """
    photographs = (Photograph(**row) for row in read_table(path, SCHEMA, (*TAGS, "mask_path")))
    return tuple(photograph for photograph in photographs if photograph.shard == shard)


def _caption(tags: PhotoTags) -> str:
    return tags.caption or make_caption(tags.style, tags.category or tags.super_category, tags.material)


def _name_of(photo: str) -> str:
    return "_".join(PurePosixPath(photo).with_suffix("").parts)


def _hashed_name(photo: str) -> str:
    return f"photo-{hashlib.sha256(photo.encode('utf-8', 'surrogateescape')).hexdigest()[:16]}"


def _warn_of_one_caption(photographs: Sequence[Photograph]) -> None:
    captions = {photograph.caption for photograph in photographs}
    if len(captions) == 1:
        log.warning("all photographs have the caption %r: a CLIP loss learns nothing from it", captions.pop())
