"""Photographs are grouped to objects and assigned to splits and shards."""

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelfnet.config.dataset import DatasetSettings
from shelfnet.data.catalogue.model_info import DatasetError, is_safe_id
from shelfnet.data.catalogue.models import SCHEMA as MODELS_SCHEMA
from shelfnet.data.catalogue.splits import split_of
from shelfnet.data.photographs.catalogue import (
    PhotoTags,
    group_by_object,
    make_photo_catalogue,
    read_photographs,
    write_objects,
    write_photographs,
)

SETTINGS = DatasetSettings(kind="images")


def collection(root, files, table=None):
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"not looked at")
    if table is not None:
        (root / "photographs.csv").write_text(table)
    return root


def test_photographs_without_a_table_are_named_after_their_files(tmp_path):
    root = collection(tmp_path, ["a.png", "chairs/b.jpg", "chairs/masks/b.png"])
    catalogue = make_photo_catalogue(root, SETTINGS, n_shards=2)
    found = [(p.model_id, p.view, p.shard, p.photo_path, p.mask_path) for p in catalogue.photographs]
    assert found == [("a", 0, 0, "a.png", None), ("chairs_b", 0, 1, "chairs/b.jpg", "chairs/masks/b.png")]
    assert {p.caption for p in catalogue.photographs} == {"A Piece of Furniture"}
    assert catalogue.quarantined == ()


def test_views_of_an_object_share_its_split(tmp_path):
    files = [f"{number}.jpg" for number in range(40)]
    rows = "".join(f"{name},obj{number // 2}\n" for number, name in enumerate(files))
    catalogue = make_photo_catalogue(collection(tmp_path, files, "photo,object_id\n" + rows), SETTINGS, n_shards=3)
    assert len(catalogue.photographs) == 40
    for first, second in zip(catalogue.photographs[::2], catalogue.photographs[1::2], strict=True):
        assert (first.model_id, first.split, first.shard) == (second.model_id, second.split, second.shard)
        assert (first.view, second.view) == (0, 1)
        assert first.split == split_of(first.model_id, 0.1, 0.1, 0)
    assert {p.split for p in catalogue.photographs} == {"train", "validation", "test"}


def test_captions_come_from_tags_unless_given(tmp_path):
    table = "photo,style,category,super_category,material,caption\na.jpg,Modern,Stool,Chair,Wood,\nb.jpg,,,Chair,,\n"
    root = collection(tmp_path, ["a.jpg", "b.jpg", "c.jpg"], table + "c.jpg,Modern,Stool,,,My grandmother's stool\n")
    captions = [p.caption for p in make_photo_catalogue(root, SETTINGS, 1).photographs]
    assert captions == ["A Modern Stool made out of Wood", "A Chair", "My grandmother's stool"]


def test_filters_and_limits_select_objects(tmp_path):
    files = [f"{number}.jpg" for number in range(9)]
    rows = "".join(f"{name},{'Stool' if number < 6 else 'Sofa'}\n" for number, name in enumerate(files))
    root = collection(tmp_path, files, "photo,category\n" + rows)
    stools = make_photo_catalogue(root, SETTINGS.model_copy(update={"categories": ("stool",)}), 1).photographs
    assert [p.photo_path for p in stools] == files[:6]
    without = make_photo_catalogue(root, SETTINGS.model_copy(update={"exclude": ("0", "8")}), 1).photographs
    assert [p.photo_path for p in without] == files[1:8]
    few = make_photo_catalogue(root, SETTINGS.model_copy(update={"max_models": 4}), 1).photographs
    more = make_photo_catalogue(root, SETTINGS.model_copy(update={"max_models": 5}), 1).photographs
    assert len(few) == 4
    assert {p.model_id for p in few} < {p.model_id for p in more}


def test_wrong_rows_of_the_table_are_quarantined(tmp_path):
    root = collection(tmp_path, ["a.jpg", "b.jpg"], "photo,object_id\na.jpg,../up\ngone.jpg,x\n")
    catalogue = make_photo_catalogue(root, SETTINGS, 1)
    assert [p.photo_path for p in catalogue.photographs] == ["b.jpg"]
    assert {row.path for row in catalogue.quarantined} == {"a.jpg", "gone.jpg"}


@pytest.mark.parametrize(("files", "message"), [([], "found 0"), (["a.jpg"], "left of 1")], ids=["none", "filtered"])
def test_no_photograph_left_is_an_error(tmp_path, files, message):
    settings = SETTINGS.model_copy(update={"categories": ("Stool",)})
    with pytest.raises(DatasetError, match=message):
        make_photo_catalogue(collection(tmp_path, files), settings, 1)


def test_photographs_with_colliding_names_stay_separate():
    tags = dict.fromkeys(["a/b.jpg", "A_b.png", "own.jpg", "plain.jpg"], PhotoTags())
    objects = group_by_object(tags | {"other.jpg": PhotoTags(object_id="Own")})
    assert {photos[0]: name for name, photos in objects.items() if not name.startswith("photo-")} == {
        "other.jpg": "Own",
        "plain.jpg": "plain",
    }
    assert len(objects) == 5


names = st.text("aB._- é☃/", min_size=1, max_size=12).map(lambda text: f"{text}.jpg")
ids = st.one_of(st.none(), st.sampled_from(["a", "A", "obj", "a_b"]))


@given(st.dictionaries(names, ids.map(lambda object_id: PhotoTags(object_id=object_id)), max_size=8))
def test_object_ids_are_safe_and_unique(tags):
    objects = group_by_object(tags)
    assert sorted(photo for photos in objects.values() for photo in photos) == sorted(tags)
    assert all(is_safe_id(model_id) for model_id in objects)
    assert len({model_id.casefold() for model_id in objects}) == len(objects)
    for photos in objects.values():
        assert len({(tags[photo].object_id or photo).casefold() for photo in photos}) == 1


def test_tables_round_trip(tmp_path):
    table = "photo,object_id,category\na.jpg,o,Stool\nb.jpg,o,Sofa\nc.jpg,p,\n"
    photographs = make_photo_catalogue(
        collection(tmp_path / "in", ["a.jpg", "b.jpg", "c.jpg"], table), SETTINGS, 2
    ).photographs
    write_photographs(tmp_path / "photographs.parquet", photographs)
    shards = [read_photographs(tmp_path / "photographs.parquet", shard) for shard in (0, 1)]
    assert shards == [photographs[:2], photographs[2:]]
    write_objects(tmp_path / "models.parquet", photographs)
    models = pq.read_table(tmp_path / "models.parquet")
    assert models.schema.remove_metadata() == MODELS_SCHEMA
    assert models["model_id"].to_pylist() == ["o", "p"]
    assert models["category"].to_pylist() == ["Stool", None]
    assert models["obj_path"].null_count == models["n_faces"].null_count == 2


def test_damaged_table_is_refused(tmp_path):
    (tmp_path / "photographs.parquet").write_bytes(b"PAR1")
    with pytest.raises(ValueError, match=r"photographs\.parquet"):
        read_photographs(tmp_path / "photographs.parquet", 0)
