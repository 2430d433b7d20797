"""Photos and masks as files, images and arrays."""

import numpy as np
import pytest
from PIL import Image

from shelfnet.data.photographs.reader import MissingMaskError, PhotoError, read_photo
from shelfnet.prediction.photos import as_source, photo_name

RGB = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
MASK = np.zeros((6, 9), dtype=bool)
MASK[2:5, 3:7] = True
ALPHA = MASK * np.uint8(255)


@pytest.mark.parametrize("photo", [RGB, RGB / 255.0, (RGB / 255.0).astype(np.float32), Image.fromarray(RGB)])
@pytest.mark.parametrize("mask", [MASK, ALPHA, MASK.astype(float), Image.fromarray(ALPHA), np.dstack([RGB, ALPHA])])
def test_all_forms_give_the_same_pixels(photo, mask):
    rgba = read_photo(as_source(photo), as_source(mask)).rgba
    np.testing.assert_array_equal(rgba, np.dstack([RGB, ALPHA]))


def test_alpha_of_an_array_is_its_mask():
    rgba = np.dstack([RGB, ALPHA])
    np.testing.assert_array_equal(read_photo(as_source(rgba)).rgba, rgba)
    np.testing.assert_array_equal(read_photo(as_source(rgba / 255.0)).rgba, rgba)


def test_path_and_image_give_the_same_pixels(tmp_path):
    """The orientation of an image in memory is that of its file."""
    photo = Image.fromarray(RGB)
    exif = photo.getexif()
    exif[0x0112] = 6
    photo.save(tmp_path / "a.png", exif=exif)
    mask = np.rot90(ALPHA, -1)
    with Image.open(tmp_path / "a.png") as opened:
        from_image = read_photo(as_source(opened), as_source(mask)).rgba
        opened.getpixel((0, 0))  # still open
    np.testing.assert_array_equal(from_image, read_photo(tmp_path / "a.png", as_source(mask)).rgba)
    np.testing.assert_array_equal(from_image, np.dstack([np.rot90(RGB, -1), mask]))


@pytest.mark.parametrize(
    ("photo", "message"),
    [
        (RGB[None], r"\(1, 6, 9, 3\)"),
        (RGB[..., :2], r"\(6, 9, 2\)"),
        (RGB[:0], r"\(0, 9, 3\)"),
        (RGB.astype(np.int64), "int64"),
        (RGB.astype(np.float32), "0 to 249"),
        (np.full((6, 9, 3), np.nan), "nan"),
    ],
)
def test_unusable_arrays_are_refused(photo, message):
    with pytest.raises(PhotoError, match=message):
        as_source(photo)


def test_faults_of_images_in_memory_are_named():
    with pytest.raises(MissingMaskError, match="image in memory"):
        read_photo(as_source(RGB))
    with pytest.raises(PhotoError, match=r"aspect ratio.*90 degrees"):
        read_photo(as_source(RGB), as_source(MASK.T))
    with pytest.raises(PhotoError, match="constant"):
        read_photo(as_source(RGB), as_source(np.ones_like(MASK)))
    assert photo_name(RGB) == "image in memory"
    assert photo_name("a/b.png") == "a/b.png"
