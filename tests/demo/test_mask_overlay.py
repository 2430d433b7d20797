"""The photo with a tinted background."""

import numpy as np

from shelfnet.demo.mask_overlay import MAX_PX, TINT, mask_overlay


def test_object_keeps_its_colours_and_the_ground_is_tinted():
    photo = np.full((40, 60, 3), 255, np.uint8)
    mask = np.zeros((40, 60), np.uint8)
    mask[10:30, 20:40] = 255
    shown = np.asarray(mask_overlay(photo, mask))
    assert (shown[20, 30] == 255).all()
    assert np.abs(shown[2, 2].astype(int) - TINT).max() < 60


def test_large_photos_are_scaled_down():
    photo = np.zeros((30, 3 * MAX_PX, 3), np.uint8)
    assert mask_overlay(photo, photo[..., 0]).size == (MAX_PX, 10)
