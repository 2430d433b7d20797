"""The five tags of an object, named as in every table and setting: the one list of them."""

from dataclasses import dataclass, fields

import pyarrow as pa


@dataclass(frozen=True, kw_only=True)
class ObjectTags:
    """What is said of an object; ``None`` where nothing is."""

    super_category: str | None = None
    category: str | None = None
    style: str | None = None
    theme: str | None = None
    material: str | None = None


TAGS = tuple(field.name for field in fields(ObjectTags))
"""Names of the tags; a data set may leave every one of them open."""

TAG_FIELDS = tuple(pa.field(name, pa.string()) for name in TAGS)
"""Their columns in Parquet files."""


def tags_of(described: ObjectTags) -> dict[str, str | None]:
    """The tags, by name, of whatever has them."""
    return {name: getattr(described, name) for name in TAGS}
