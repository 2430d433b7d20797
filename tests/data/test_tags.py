from shelfnet.data.catalogue import models as catalogue
from shelfnet.data.photographs import catalogue as photographs
from shelfnet.data.shards import schema as shards
from shelfnet.data.tags import TAGS, ObjectTags, tags_of


def test_all_schemas_have_tags_as_strings():
    for schema in (catalogue.SCHEMA, shards.SCHEMA, photographs.SCHEMA):
        assert {name for name in schema.names if name in TAGS} == {*TAGS}
        assert {str(schema.field(name).type) for name in TAGS} == {"string"}


def test_column_order():
    assert TAGS == ("super_category", "category", "style", "theme", "material")
    first = shards.SCHEMA.names.index("category")
    assert shards.SCHEMA.names[first : first + 5] == ["category", "super_category", "style", "theme", "material"]


def test_tags_of():
    assert tags_of(ObjectTags(style="Modern")) == {**dict.fromkeys(TAGS), "style": "Modern"}
