"""The five tags of an object, named as in every table and setting."""

from dataclasses import dataclass, fields

import pyarrow as pa


@dataclass(frozen=True, kw_only=True)
class ObjectTags:
    """Tags of an object; unknown ones are ``None``."""

    super_category: str | None = None
    category: str | None = None
    style: str | None = None
    theme: str | None = None
    material: str | None = None


TAGS = tuple(field.name for field in fields(ObjectTags))
"""Names of the tags."""

TAG_FIELDS = tuple(pa.field(name, pa.string()) for name in TAGS)
"""Columns of the tags in Parquet files."""


def tags_of(tagged: ObjectTags) -> dict[str, str | None]:
    """The tags of an object by name."""
    return {name: getattr(tagged, name) for name in TAGS}
