import numpy as np
import pytest
from scipy import ndimage

from shelfnet.config.render import RenderSettings
from shelfnet.data.photographs.crops import object_side
from shelfnet.data.photographs.reader import PhotoError
from shelfnet.data.variation.photos import make_photo, occlude, shift_border

SEEDS = range(60)


@pytest.fixture
def image():
    """A table in front of a coloured ground."""
    rgba = np.random.default_rng(0).integers(40, 220, (96, 96, 4), dtype=np.uint8)
    rgba[..., 3] = 0
    rgba[20:50, 15:80, 3] = 255
    rgba[50:85, 18:24, 3] = rgba[50:85, 70:76, 3] = 255
    return rgba


def inside(rgba):
    return rgba[..., 3] > 127


def photo(image, view=0, **variation):
    settings = RenderSettings.model_validate({"resolution_px": 48, "variation": variation})
    return make_photo(settings, "table", view, image)


def test_no_variation_keeps_the_image(image):
    assert photo(image) is image


def test_occluders_cover_at_most_the_fraction(image):
    covered = []
    for seed in SEEDS:
        occluded = occlude(image, 0.15, np.random.default_rng(seed))
        assert not (inside(occluded) & ~inside(image)).any()
        covered.append(1 - inside(occluded).sum() / inside(image).sum())
        changed = (occluded[..., :3] != image[..., :3]).any(axis=-1)
        np.testing.assert_array_equal(occluded[~changed & inside(occluded)], image[~changed & inside(occluded)])
        assert not (changed & inside(occluded)).any()
    assert 0 <= min(covered) < 0.03 and 0.1 < max(covered) <= 0.15


def test_borders_shift_both_ways_and_no_further_than_allowed(image):
    allowed = 0.05 * object_side(image)
    beyond, within = (ndimage.distance_transform_edt(part) for part in (~inside(image), inside(image)))
    grown, shrunk = [], []
    for seed in SEEDS:
        shifted = shift_border(image, 0.05, np.random.default_rng(seed))
        np.testing.assert_array_equal(shifted[..., :3], image[..., :3])
        assert beyond[inside(shifted)].max() <= allowed + 1 and within[~inside(shifted)].max() <= allowed + 1
        grown.append((inside(shifted) & ~inside(image)).sum())
        shrunk.append((inside(image) & ~inside(shifted)).sum())
    assert max(grown) > 200 and max(shrunk) > 200


def test_borders_are_ragged(image):
    """The top edge of the table, a straight line, gets several heights."""
    heights = [len(set(inside(shift_border(image, 0.08, np.random.default_rng(seed)))[:, 30:60].argmax(axis=0)))
               for seed in SEEDS]  # fmt: skip
    assert max(heights) >= 3 and min(heights) == 1


def test_ground_without_a_room_is_white(image):
    image[~inside(image)] = 0
    rims = [shown[inside(shown) & ~inside(image), :3] for shown in (photo(image, v, mask_error=0.05) for v in range(9))]
    assert sum(map(len, rims)) > 100 and all((rim == 255).all() for rim in rims)


def test_crop_frames_the_object(image):
    cropped = photo(image, object_share=0.7)
    assert cropped.shape == (48, 48, 4) and object_side(cropped) == pytest.approx(0.7 * 48, abs=1.5)


def test_same_view_gives_same_photo(image):
    factors = {"occlusion": 0.15, "mask_error": 0.02, "object_share": 0.7}
    np.testing.assert_array_equal(photo(image, **factors), photo(image, **factors))
    assert (photo(image, **factors) != photo(image, 1, **factors)).any()


def test_empty_mask_refused_by_the_crop_alone(image):
    image[..., 3] = 0
    assert not inside(photo(image, occlusion=0.15, mask_error=0.02)).any()
    with pytest.raises(PhotoError, match="empty mask"):
        photo(image, object_share=0.7)
