import io

import numpy as np
import pytest
from PIL import Image

from shelfnet.data.shards.encoding import UnusableImageError, check_image, encode_png


def image(colour, *, size=64, inside=slice(16, 48), alpha=255):
    rgba = np.zeros((size, size, 4), dtype=np.uint8)
    rgba[inside, inside] = (*colour, alpha)
    return rgba


@pytest.mark.parametrize("colour", [(120, 120, 120), (200, 30, 30), (240, 240, 240), (20, 20, 20)])
def test_flat_colour_accepted(colour):
    check_image(image(colour), "chair")


@pytest.mark.parametrize(("level", "shading"), [(255, 200), (0, 100)])
def test_shaded_white_and_black_accepted(level, shading):
    rgba = image((level, level, level))
    rgba[30, 16:48, :3] = shading
    check_image(rgba, "chair")


@pytest.mark.parametrize(
    ("rgba", "reason"),
    [
        (image((90, 90, 90), alpha=0), "blank"),
        (image((90, 90, 90), inside=slice(30, 31)), "blank"),
        (image((90, 90, 90), inside=slice(0, 64)), "expected a background"),
        (image((255, 255, 255)), "burnt-out"),
        (image((254, 255, 253)), "burnt-out"),
        (image((0, 0, 0)), "black"),
    ],
)
def test_unusable_image_refused(rgba, reason):
    with pytest.raises(UnusableImageError, match=f"^chair-7: .*{reason}"):
        check_image(rgba, "chair-7")


def test_png_lossless_and_deterministic():
    rgba = np.random.default_rng(0).integers(0, 256, (17, 17, 4), dtype=np.uint8)
    encoded = encode_png(rgba)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(encoded))), rgba)
    assert encode_png(rgba) == encoded
