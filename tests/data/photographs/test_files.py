"""Photographs and their masks by file name."""

import logging

import pytest

from shelfnet.data.photographs.files import find_mask, find_photos


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


def test_links_to_folders_are_not_followed(tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    assert find_photos(tmp_path).below_root() == {"a.png": None}
    assert not find_photos(tmp_path / "nowhere").masks


def test_links_that_leave_the_folder_are_not_followed(tmp_path, caplog):
    outside, inside = tmp_path / "elsewhere", tmp_path / "photographs"
    for folder in (outside, inside / "sub"):
        folder.mkdir(parents=True)
    for path in (outside / "b.png", outside / "a.png", inside / "a.jpg", inside / "sub" / "c.jpg"):
        path.write_bytes(b"")
    (inside / "b.png").symlink_to(outside / "b.png")
    (inside / "a_mask.png").symlink_to("../elsewhere/a.png")
    (inside / "near.jpg").symlink_to("sub/c.jpg")
    (inside / "sub" / "masks").symlink_to(outside)
    (tmp_path / "alias").symlink_to(inside)
    for root in (inside, tmp_path / "alias"):
        with caplog.at_level("WARNING"):
            found = find_photos(root)
        assert found.below_root() == {"a.jpg": None, "near.jpg": None, "sub/c.jpg": None}
        messages = [record.getMessage() for record in caplog.records]
        assert len(messages) == 2
        assert "2 links" in messages[0] and messages[0].endswith("'a_mask.png', 'b.png'")
        caplog.clear()
    assert find_mask(inside / "a.jpg") == inside / "a_mask.png"


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


def test_linked_mask_folder_outside_the_root_is_not_used(tmp_path):
    touch(tmp_path, "elsewhere/1.png", "photographs/images/1.jpg")
    (tmp_path / "photographs" / "masks").symlink_to(tmp_path / "elsewhere")
    assert find_photos(tmp_path / "photographs").below_root() == {"images/1.jpg": None}


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
