"""Objects on a plain background are cut out like the drawings that they are; other photos are refused."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy import ndimage

from shelfnet.data.photographs.plain_background import BackgroundError, cut_out

SIDE_PX, OVERSAMPLING = 200, 4
WHITE, GREY, BLUE, BLACK = (255, 255, 255), (140, 140, 145), (60, 90, 180), (6, 6, 8)
WOOD = (150, 95, 60)
REAL = Path(__file__).parents[4] / "shared" / "real" / "dev" / "3D-FUTURE-model"


def chair(legs=(60, 130)):
    """Coverage of every pixel by a chair with thin legs and slats that enclose ground."""
    image = Image.new("L", (SIDE_PX * OVERSAMPLING,) * 2)
    draw = ImageDraw.Draw(image)
    boxes = [(60, 100, 140, 115), (60, 30, 66, 100), (134, 30, 140, 100), (60, 30, 140, 40), (60, 60, 140, 70)]
    boxes += [(left, 115, left + 5, 170) for left in legs]
    for box in boxes:
        draw.rectangle([OVERSAMPLING * side for side in box], fill=255)
    return np.asarray(image.rotate(7, Image.Resampling.BILINEAR).reduce(OVERSAMPLING)) / 255.0


def photo(coverage, ground, colour=WOOD):
    """A photo of an object, shaded from left to right."""
    shading = np.linspace(1.0, 0.8, coverage.shape[1])[None, :, None]
    ground = np.broadcast_to(np.asarray(ground, float), (*coverage.shape, 3))
    mixed = coverage[..., None] * np.asarray(colour, float) * shading + (1.0 - coverage[..., None]) * ground
    return np.rint(mixed.clip(0, 255)).astype(np.uint8)


def as_jpeg(rgb, quality=75):
    stream = BytesIO()
    Image.fromarray(rgb).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream))


def iou(alpha, coverage):
    inside, truth = alpha > 127, coverage > 0.5
    return (inside & truth).sum() / (inside | truth).sum()


def gradients():
    y, x = np.mgrid[-1 : 1 : SIDE_PX * 1j, -1 : 1 : SIDE_PX * 1j]
    falling = 245.0 - 30.0 * (y + 1.0)
    vignette = 235.0 - 40.0 * (x**2 + y**2)
    return {
        name: plane[..., None] * (1.0, 1.0, 0.97) for name, plane in {"falling": falling, "vignette": vignette}.items()
    }


@pytest.mark.parametrize("ground", [WHITE, GREY, BLUE, BLACK, *gradients().values()], ids=lambda value: "")
def test_plain_backgrounds(ground):
    assert iou(cut_out(photo(chair(), ground))[..., 3], chair()) >= 0.97


@pytest.mark.parametrize("quality", [60, 90])
def test_jpeg(quality):
    assert iou(cut_out(as_jpeg(photo(chair(), WHITE), quality))[..., 3], chair()) >= 0.95


@pytest.mark.parametrize("colour", [(225, 225, 225), (235, 232, 228)])
def test_white_furniture_on_white_ground(colour):
    assert iou(cut_out(photo(chair(), WHITE, colour))[..., 3], chair()) >= 0.95


def test_edges_are_soft_and_free_of_the_background_colour():
    coverage = chair()
    rgba = cut_out(photo(coverage, BLUE))
    edge = (coverage > 0.2) & (coverage < 0.8)
    assert np.abs(rgba[..., 3] / 255.0 - coverage)[edge].mean() < 0.15
    blue_over_red = rgba[..., 2].astype(int) - rgba[..., 0]
    assert blue_over_red[edge & (rgba[..., 3] > 0)].max() < 0


def test_enclosed_ground_is_transparent():
    alpha = cut_out(photo(chair(), WHITE))[..., 3]
    slot = np.zeros_like(alpha, bool)
    slot[48:54, 80:120] = True
    assert alpha[slot].max() == 0


def test_enclosed_highlights_belong_to_the_object():
    """A light cushion in a dark frame, whose highlight is as white as the ground."""
    coverage = np.zeros((SIDE_PX, SIDE_PX))
    coverage[50:150, 40:160] = 1.0
    rgb = photo(coverage, WHITE, (60, 60, 60))
    y, x = np.mgrid[:80, :100]
    rgb[60:140, 50:150] = (255.0 - 0.03 * (np.hypot(y - 40.0, x - 50.0) - 8.0).clip(0) ** 2).clip(150, 255)[..., None]
    assert iou(cut_out(rgb)[..., 3], coverage) >= 0.98


@pytest.mark.parametrize("ground", [WHITE, (245, 245, 240), GREY])
def test_soft_shadows_are_ground(ground):
    coverage = chair()
    shadow = ndimage.gaussian_filter(np.roll(coverage, (12, 18), (0, 1)) * (np.arange(SIDE_PX) > 110)[:, None], 6.0)
    shaded = np.asarray(ground, float) * (1.0 - 0.5 * shadow[..., None])
    assert iou(cut_out(photo(coverage, shaded))[..., 3], coverage) >= 0.93


def test_object_may_touch_the_border():
    coverage = np.zeros((SIDE_PX, SIDE_PX))
    coverage[60:, 70:130] = 1.0
    assert iou(cut_out(photo(coverage, WHITE))[..., 3], coverage) >= 0.98


def test_large_photo_has_a_sharp_outline():
    """Photos are segmented at a smaller size; the outline is refined at full size."""
    coverage = (ndimage.zoom(chair(), 8, order=1) > 0.5).astype(float)
    assert iou(cut_out(photo(coverage, WHITE))[..., 3], coverage) >= 0.98


def carpet(scale_px=2.0):
    noise = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(SIDE_PX, SIDE_PX)), scale_px)
    return np.repeat(180.0 + 15.0 * noise[..., None] / noise.std(), 3, axis=2)


def two_grounds(floor, height=60):
    rows = np.arange(SIDE_PX)[:, None, None] >= SIDE_PX - height
    return np.where(rows, np.asarray(floor, float), np.broadcast_to((230.0, 228.0, 225.0), (SIDE_PX, SIDE_PX, 3)))


def tiles():
    ground = np.full((SIDE_PX, SIDE_PX, 3), 220.0)
    ground[::20] = ground[:, ::20] = 150.0
    return ground


def framed():
    ground = np.full((SIDE_PX, SIDE_PX, 3), 250.0)
    ground[4:-4, 4:-4] = 60.0
    return ground


@pytest.mark.parametrize(
    "ground",
    [carpet(), two_grounds(WOOD), two_grounds(GREY), two_grounds((200, 200, 200), 12), tiles(), framed()],
    ids=["carpet", "room", "grey room", "low floor", "tiles", "frame"],
)
def test_other_grounds_are_refused(ground):
    with pytest.raises(BackgroundError, match="background"):
        cut_out(photo(chair(), ground, (90, 30, 30)))


@pytest.mark.parametrize("ground", [WHITE, BLACK, *gradients().values()], ids=lambda value: "")
def test_photo_of_nothing_is_refused(ground):
    with pytest.raises(BackgroundError, match="nothing stands out"):
        cut_out(photo(np.zeros((SIDE_PX, SIDE_PX)), ground))


def test_object_that_covers_the_border_is_refused():
    coverage = np.zeros((SIDE_PX, SIDE_PX))
    coverage[30:, 20:] = 1.0
    with pytest.raises(BackgroundError, match="border"):
        cut_out(photo(coverage, WHITE))


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (2, 3), (5, 5), (3, 300)])
def test_tiny_photos_are_refused(size):
    with pytest.raises(BackgroundError):
        cut_out(np.full((*size, 3), 200, np.uint8))


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no product photos in {REAL}")
def test_product_photos_on_white_ground():
    """Every photo has a mask, within the bounds of furniture that stands clear of the border."""
    for path in sorted(REAL.glob("*/image.jpg"))[::15]:
        inside = cut_out(np.asarray(Image.open(path).convert("RGB")))[..., 3] > 127
        assert 0.05 < inside.mean() < 0.5
        assert not inside[[0, -1]].any() and not inside[:, [0, -1]].any()
