"""Crops are framed on the object, and unusable masks are refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfnet.data.photographs.crops import check_mask, crop_to_object, median_object_share
from shelfnet.data.photographs.reader import PhotoError

RED = (200, 40, 20)


def boxed(top=4, bottom=12, left=6, right=18):
    """A red image of 24 x 16 pixels whose mask is a box."""
    rgba = np.zeros((16, 24, 4), np.uint8)
    rgba[..., :3] = RED
    rgba[top:bottom, left:right, 3] = 255
    return rgba


def test_coverage_is_bounded():
    rgba = boxed()
    check_mask(rgba, 0.25, 1)
    with pytest.raises(PhotoError, match=r"26\.00% .*25\.00%"):
        check_mask(rgba, 0.26, 1)
    with pytest.raises(PhotoError, match=r"100\.00%"):
        check_mask(boxed(0, 16, 0, 24), 0.01, 1)


def test_small_objects_are_refused():
    rgba = boxed()
    check_mask(rgba, 0.01, 12)
    with pytest.raises(PhotoError, match=r"13 .*12"):
        check_mask(rgba, 0.01, 13)


def extent(alpha):
    """Left, top, right and bottom of a box with soft edges, to a fraction of a pixel, by its moments."""
    edges = []
    for axis in (0, 1):
        line = alpha.max(axis=axis) / 255.0
        middle, length = np.average(np.arange(len(line)) + 0.5, weights=line), line.sum()
        edges.append((middle - 0.5 * length, middle + 0.5 * length))
    (left, right), (top, bottom) = edges
    return left, top, right, bottom


@given(
    left=st.integers(0, 90),
    top=st.integers(0, 50),
    width=st.integers(8, 100),
    height=st.integers(8, 60),
    size_px=st.integers(24, 80),
    share=st.floats(0.3, 0.8),
)
@settings(max_examples=60, deadline=None)
def test_object_is_centred_with_the_given_share(left, top, width, height, size_px, share):
    rgba = np.zeros((60, 100, 4), np.uint8)
    rgba[top : top + height, left : left + width] = (*RED, 255)
    ys, xs = np.nonzero(rgba[..., 3])
    longer = max(np.ptp(xs), np.ptp(ys)) + 1
    crop = crop_to_object(rgba, size_px, share)
    assert crop.shape == (size_px, size_px, 4)
    scale = share * size_px / longer
    half = 0.5 * np.array([np.ptp(xs) + 1, np.ptp(ys) + 1]) * scale
    expected = np.concatenate([0.5 * size_px - half, 0.5 * size_px + half])
    if half.min() > 2.0:  # thinner ones are blurred all through
        np.testing.assert_allclose(extent(crop[..., 3]), expected, atol=0.3)
    assert (np.abs(crop[crop[..., 3] > 60][:, :3].astype(int) - RED) <= 5).all()


def test_crop_is_transparent_beyond_the_photo():
    rgba = np.zeros((20, 60, 4), np.uint8)
    rgba[:, 10:50] = (*RED, 255)
    alpha = crop_to_object(rgba, 100, 0.8)[..., 3]
    np.testing.assert_allclose(extent(alpha), (10, 30, 90, 70), atol=0.1)
    assert not alpha[:25].any() and not alpha[75:].any()


def premultiplied(rgba):
    return np.dstack([rgba[..., :3] * (rgba[..., 3:] / 255.0), rgba[..., 3]])


@given(size_px=st.integers(16, 80), share=st.floats(0.3, 0.95), width=st.integers(10, 60))
@settings(max_examples=60, deadline=None)
def test_transparent_border_changes_nothing(size_px, share, width):
    rgba = np.full((40, width, 4), 255, np.uint8)
    rgba[..., :3] = np.random.default_rng(0).integers(0, 256, rgba.shape[:2])[..., None]
    bordered = np.pad(rgba, ((150, 150), (150, 150), (0, 0)))
    plain, padded = (premultiplied(crop_to_object(photo, size_px, share)) for photo in (rgba, bordered))
    np.testing.assert_allclose(plain, padded, atol=3.0)  # colours are three times rounded to bytes
    np.testing.assert_allclose(plain[..., 3], padded[..., 3], atol=1.0)


def test_background_does_not_bleed_into_the_object():
    rgba = np.full((200, 200, 4), (0, 255, 0, 0), np.uint8)
    y, x = np.mgrid[:200, :200] - 99.5
    rgba[np.hypot(x, y) < 60] = (*RED, 255)
    crop = crop_to_object(rgba, 33, 0.7)
    edge = (crop[..., 3] > 20) & (crop[..., 3] < 235)
    assert edge.any()
    np.testing.assert_allclose(crop[edge][:, :3].astype(int), np.broadcast_to(RED, (edge.sum(), 3)), atol=8)


def test_downsampling_averages_fine_patterns():
    rgba = np.zeros((256, 256, 4), np.uint8)
    rgba[..., 3] = 255
    rgba[:, ::2, :3] = 255
    crop = crop_to_object(rgba, 32, 1.0)
    np.testing.assert_allclose(crop[4:-4, 4:-4, :3].astype(int), 128, atol=3)


def test_crop_at_scale_one_is_the_photo():
    generator = np.random.default_rng(0)
    rgba = np.zeros((64, 64, 4), np.uint8)
    rgba[16:48, 16:48, :3] = generator.integers(0, 256, (32, 32, 3))
    rgba[16:48, 16:48, 3] = 255
    np.testing.assert_array_equal(crop_to_object(rgba, 64, 0.5)[16:48, 16:48], rgba[16:48, 16:48])


def test_empty_mask_is_refused():
    with pytest.raises(PhotoError, match="empty"):
        crop_to_object(np.zeros((9, 9, 4), np.uint8), 8, 0.7)


def test_median_share_uses_the_longer_side():
    images = np.zeros((4, 20, 20, 4), np.uint8)
    for image, side in zip(images, (10, 16, 12), strict=False):
        image[2 : 2 + side, 5:9, 3] = 255
    assert median_object_share(images) == pytest.approx(0.6)
    with pytest.raises(PhotoError, match="empty"):
        median_object_share(images[3:])


def test_median_share_of_a_crop_is_its_share():
    rgba = boxed()
    assert median_object_share([crop_to_object(rgba, 200, 0.61)]) == pytest.approx(0.61, abs=0.01)
