"""Stray parts of masks are left out, and suspicious masks are remarked on."""

import numpy as np
import pytest

from shelfnet.data.photographs.crops import crop_to_object
from shelfnet.data.photographs.masks import MaskRemark, isolate_object, masks_something


def photo(*boxes, height=60, width=80):
    """A grey photo whose mask is a union of boxes (top, bottom, left, right)."""
    rgba = np.full((height, width, 4), 90, np.uint8)
    rgba[..., 3] = 0
    for top, bottom, left, right in boxes:
        rgba[top:bottom, left:right, 3] = 255
    return rgba


OBJECT = (10, 50, 20, 60)


@pytest.mark.parametrize("stray", [(0, 1, 0, 1), (59, 60, 79, 80), (0, 2, 40, 43), (30, 31, 62, 63)])
def test_stray_pixels_do_not_move_the_crop(stray):
    isolated = isolate_object(photo(OBJECT, stray))
    assert isolated.remarks == (MaskRemark.STRAY,)
    np.testing.assert_array_equal(isolated.rgba, photo(OBJECT))
    np.testing.assert_array_equal(crop_to_object(isolated.rgba, 32, 0.7), crop_to_object(photo(OBJECT), 32, 0.7))


def test_specks_of_a_computed_mask_are_no_news():
    isolated = isolate_object(photo((10, 50, 10, 50), (2, 3, 2, 3)), computed=True)
    assert isolated.remarks == ()
    assert isolated.rgba[2, 2, 3] == 0 and isolated.rgba[20, 20, 3] == 255


def test_many_specks_are_left_out():
    specks = [(row, row + 1, column, column + 1) for row in (1, 5, 55) for column in (2, 10, 70, 77)]
    isolated = isolate_object(photo(OBJECT, *specks))
    np.testing.assert_array_equal(isolated.rgba, photo(OBJECT))


def test_soft_rims_of_specks_are_left_out():
    rgba = photo(OBJECT, (2, 3, 2, 3))
    rgba[1:4, 1:4, 3] = np.maximum(rgba[1:4, 1:4, 3], 60)
    np.testing.assert_array_equal(isolate_object(rgba).rgba, photo(OBJECT))


def test_parts_of_an_object_are_kept():
    """The legs of a chair behind an occluder, each with several per cent of the mask."""
    rgba = photo((10, 30, 20, 60), (35, 50, 20, 24), (35, 50, 56, 60))
    isolated = isolate_object(rgba)
    np.testing.assert_array_equal(isolated.rgba, rgba)
    assert isolated.remarks == ()


def test_corners_connect():
    rgba = photo((10, 30, 20, 40), (30, 31, 40, 41))
    assert isolate_object(rgba).remarks == ()


def test_input_is_not_changed():
    rgba = photo(OBJECT, (0, 1, 0, 1))
    before = rgba.copy()
    isolate_object(rgba)
    np.testing.assert_array_equal(rgba, before)


def test_two_objects_are_remarked_on():
    isolated = isolate_object(photo((10, 50, 5, 30), (15, 50, 45, 75)))
    assert isolated.remarks == (MaskRemark.SEVERAL,)
    assert isolated.rgba[..., 3].any(axis=0).sum() == 25 + 30


def test_only_the_largest_of_two_objects_on_a_plain_background_is_kept():
    isolated = isolate_object(photo((10, 50, 5, 30), (15, 50, 45, 75), (2, 3, 2, 3)), computed=True)
    assert isolated.remarks == (MaskRemark.LARGEST,)
    np.testing.assert_array_equal(isolated.rgba, photo((15, 50, 45, 75)))


def test_inverted_mask_is_remarked_on():
    rgba = photo((0, 60, 0, 80))
    rgba[10:50, 20:60, 3] = 0
    assert isolate_object(rgba).remarks == (MaskRemark.INVERTED,)


def test_close_up_is_no_inverted_mask():
    rgba = photo((0, 60, 0, 80))
    rgba[0:20, 0:20, 3] = 0
    assert isolate_object(rgba).remarks == ()


@pytest.mark.parametrize(("boxes", "expected"), [((), ()), (((0, 60, 0, 80),), ())])
def test_empty_and_full_masks_are_left_to_the_checks(boxes, expected):
    isolated = isolate_object(photo(*boxes))
    np.testing.assert_array_equal(isolated.rgba, photo(*boxes))
    assert isolated.remarks == expected


@pytest.mark.parametrize(
    ("transparent_px", "value", "expected"),
    [(0, 0, False), (4, 0, False), (480, 0, True), (4800, 254, False), (4800, 0, True)],
)
def test_alpha_that_is_opaque_nearly_everywhere_masks_nothing(transparent_px, value, expected):
    alpha = np.full(4800, 255, np.uint8)
    alpha[:transparent_px] = value
    assert masks_something(alpha.reshape(60, 80)) == expected
