"""Photographs and their masks by file name."""

import logging
import unicodedata

import pytest
from unprivileged import reachable_folder, unprivileged

from shelfnet.data.photographs.files import find_mask, find_photos, find_tables


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return root


def test_photographs_are_found_with_their_masks(tmp_path):
    touch(tmp_path, "b.JPG", "a.jpg", "a_mask.png", "sub/c.png", "sub/masks/c.png", "sub/masks/d.png")
    touch(tmp_path, ".hidden.png", ".git/x.png", "sub/masks/deep/e.png")
    (tmp_path / "folder.png").mkdir()
    found = find_photos(tmp_path)
    assert found.below_root() == {"a.jpg": "a_mask.png", "b.JPG": None, "sub/c.png": "sub/masks/c.png"}
    assert {photo: find_mask(photo) for photo in found.masks} == found.masks


def test_mask_beside_the_photo_takes_precedence(tmp_path):
    touch(tmp_path, "a.jpg", "a_mask.png", "masks/a.png")
    assert find_photos(tmp_path).below_root() == {"a.jpg": "a_mask.png"}


def test_folder_that_links_to_itself_is_searched_once(tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    assert find_photos(tmp_path).below_root() == {"a.png": None}
    assert not find_photos(tmp_path / "nowhere").masks


def test_links_are_followed(tmp_path, caplog):
    touch(tmp_path / "elsewhere", "b.png", "a.png", "set/d.jpg", "masks/c.png")
    inside = touch(tmp_path / "photographs", "a.jpg", "sub/c.jpg")
    (inside / "b.png").symlink_to(tmp_path / "elsewhere" / "b.png")
    (inside / "a_mask.png").symlink_to("../elsewhere/a.png")
    (inside / "set").symlink_to("../elsewhere/set")
    (inside / "sub" / "masks").symlink_to(tmp_path / "elsewhere" / "masks")
    found = find_photos(inside)
    assert found.below_root() == {
        "a.jpg": "a_mask.png",
        "b.png": None,
        "set/d.jpg": None,
        "sub/c.jpg": "sub/masks/c.png",
    }
    assert {photo: find_mask(photo) for photo in found.masks} == found.masks
    assert not caplog.records


def test_unusable_links_are_named(tmp_path, caplog):
    touch(tmp_path, "a.jpg")
    (tmp_path / "b.jpg").symlink_to("/mnt/unmounted/b.jpg")
    (tmp_path / "more").symlink_to("../nowhere")
    assert find_photos(tmp_path).below_root() == {"a.jpg": None}
    assert "2 links" in caplog.text and "b.jpg is a link to /mnt/unmounted/b.jpg" in caplog.text


def test_letter_case_and_unicode_composition_of_masks_are_ignored(tmp_path):
    composed = {form: unicodedata.normalize(form, "é") for form in ("NFC", "NFD")}
    names = ("Chair.JPG", "chair_Mask.PNG", "SOFA.jpg", "Masks/sofa.png", f"{composed['NFC']}.jpg")
    touch(tmp_path, *names, f"{composed['NFD']}_mask.png", "sub/TABLE.jpg", "sub/masks/table.png")
    found = find_photos(tmp_path)
    assert found.below_root() == {
        "Chair.JPG": "chair_Mask.PNG",
        "SOFA.jpg": "Masks/sofa.png",
        "sub/TABLE.jpg": "sub/masks/table.png",
        f"{composed['NFC']}.jpg": f"{composed['NFD']}_mask.png",
    }
    assert {photo: find_mask(photo) for photo in found.masks} == found.masks


def test_similar_name_does_not_take_the_mask_of_an_exact_one(tmp_path, caplog):
    touch(tmp_path, "a.jpg", "A.jpg", "a_mask.png", "b.jpg", "B.jpg", "masks/b.png", "masks/B.png")
    assert find_photos(tmp_path).below_root() == {
        "A.jpg": None,
        "B.jpg": "masks/B.png",
        "a.jpg": "a_mask.png",
        "b.jpg": "masks/b.png",
    }
    touch(tmp_path / "more", "é.jpg", "É.jpg", unicodedata.normalize("NFD", "É_mask.png").swapcase())
    assert set(find_photos(tmp_path / "more").below_root()) == {"é.jpg", "É.jpg"}


def test_masks_without_a_photograph_are_named(tmp_path, caplog):
    touch(tmp_path, "a.jpg", "a_mask.png", "gone_mask.png", "masks/a.png", "masks/lost.png", "sub/b.jpg")
    find_photos(tmp_path)
    assert "3 masks" in caplog.text
    assert all(repr(name) in caplog.text for name in ("gone_mask.png", "masks/a.png", "masks/lost.png"))


@pytest.mark.parametrize("name", ["photographs.csv", "Photographs.CSV", "PHOTOGRAPHS.parquet"])
def test_table_is_found_in_any_letter_case(tmp_path, name):
    touch(tmp_path, "a.jpg", name)
    assert find_tables(tmp_path) == [tmp_path / name]
    assert find_photos(tmp_path).skipped_text() == ""


@pytest.mark.parametrize("where", ["", "collection/"])
def test_masks_in_the_parent_folder_are_found(tmp_path, where):
    names = [f"{where}{name}" for name in ("images/1.jpg", "images/2.jpg", "masks/1.png", "masks/3.png")]
    found = find_photos(touch(tmp_path, *names))
    assert found.below_root() == {f"{where}images/1.jpg": f"{where}masks/1.png", f"{where}images/2.jpg": None}
    assert {photo: find_mask(photo) for photo in found.masks} == found.masks


def test_find_mask_of_a_relative_path(tmp_path, monkeypatch):
    touch(tmp_path, "images/1.jpg", "masks/1.png")
    monkeypatch.chdir(tmp_path / "images")
    assert find_mask(type(tmp_path)("1.jpg")) == tmp_path / "masks" / "1.png"


def test_mask_is_searched_only_where_this_user_may_look():
    with reachable_folder() as folder:
        touch(folder, "closed/images/1.jpg", "closed/masks/1.png")
        photo = folder / "closed" / "images" / "1.jpg"
        assert find_mask(photo) == folder / "closed" / "masks" / "1.png"
        (folder / "closed").chmod(0o711)
        with unprivileged():
            assert find_mask(photo) is None
        (folder / "closed").chmod(0o755)


def test_nearest_mask_takes_precedence(tmp_path):
    touch(tmp_path, "images/1.jpg", "images/2.jpg", "images/1_mask.png", "images/masks/2.png")
    touch(tmp_path, "masks/1.png", "masks/2.png")
    found = find_photos(tmp_path)
    assert found.below_root() == {"images/1.jpg": "images/1_mask.png", "images/2.jpg": "images/masks/2.png"}
    assert {photo: find_mask(photo) for photo in found.masks} == found.masks


@pytest.mark.parametrize("other", ["1.jpg", "sofas/1.png"])
def test_ambiguous_masks_are_not_used(tmp_path, other, caplog):
    touch(tmp_path, "chairs/1.jpg", "chairs/2.jpg", other, "masks/1.png", "masks/2.png")
    found = find_photos(tmp_path)
    own = "masks/1.png" if other == "1.jpg" else None
    assert found.below_root() == {"chairs/1.jpg": None, "chairs/2.jpg": "masks/2.png", other: own}
    assert {photo: find_mask(photo) for photo in found.masks} == found.masks
    assert f"{1 if own else 2} photographs" in caplog.text


def test_masks_outside_the_root_are_only_reported(tmp_path, caplog):
    touch(tmp_path, "images/1.jpg", "masks/1.png")
    assert find_photos(tmp_path / "images").below_root() == {"1.jpg": None}
    assert str(tmp_path / "masks") in caplog.text
    caplog.clear()
    find_photos(touch(tmp_path / "images", "1_mask.png"))
    assert not caplog.records


def test_linked_folder_of_masks_is_used(tmp_path):
    touch(tmp_path, "elsewhere/1.png", "photographs/images/1.jpg")
    (tmp_path / "photographs" / "masks").symlink_to(tmp_path / "elsewhere")
    assert find_photos(tmp_path / "photographs").below_root() == {"images/1.jpg": "masks/1.png"}


def test_other_files_are_counted(tmp_path, caplog):
    touch(tmp_path, "a.jpg", "photographs.csv", ".DS_Store", "Thumbs.db")
    assert find_photos(tmp_path).skipped_text() == ""
    assert not caplog.records
    touch(tmp_path, "1.heic", "sub/2.HEIC", "b.gif", "sub/masks/c.gif", "photo", ".hidden/x.heic")
    with caplog.at_level(logging.WARNING):
        found = find_photos(tmp_path)
    assert "2 .gif, 2 .heic, 1 without a suffix" in found.skipped_text()
    assert found.skipped_text() in caplog.text


def test_rare_suffixes_are_summarised(tmp_path):
    touch(tmp_path, *(f"x.{letter}" for letter in "abcdefg"))
    assert find_photos(tmp_path).skipped_text().count(" 1 .") == 5


def test_masks_may_have_the_suffix_or_the_whole_name(tmp_path):
    touch(tmp_path, "images/1.jpg", "images/2.JPG", "images/3.jpg", "images/3.png", "images/4.jpg", "images/5.jpg")
    touch(tmp_path, "masks/1_mask.png", "masks/2.jpg.png", "masks/3.jpg.png", "masks/3.png_mask.png")
    touch(
        tmp_path, "masks/4.png", "masks/4_mask.png", "images/masks/5_mask.png", "images/6.jpg", "images/6.jpg_mask.png"
    )
    found = find_photos(tmp_path)
    assert found.below_root() == {
        "images/1.jpg": "masks/1_mask.png",
        "images/2.JPG": "masks/2.jpg.png",
        "images/3.jpg": "masks/3.jpg.png",
        "images/3.png": "masks/3.png_mask.png",
        "images/4.jpg": "masks/4.png",
        "images/5.jpg": "images/masks/5_mask.png",
        "images/6.jpg": "images/6.jpg_mask.png",
    }
    assert {photo: find_mask(photo) for photo in found.masks} == found.masks


def test_a_photograph_that_links_lead_to_is_used_once(tmp_path, caplog):
    """The cache of a hub has links to one file in every revision of a data set."""
    touch(tmp_path, "blobs/0")
    for revision in ("1", "2"):
        (tmp_path / "snapshots" / revision).mkdir(parents=True)
        (tmp_path / "snapshots" / revision / "a.jpg").symlink_to("../../blobs/0")
    assert list(find_photos(tmp_path).below_root()) == ["snapshots/1/a.jpg"]
    assert "1 links" in caplog.text and "snapshots/2/a.jpg" in caplog.text
