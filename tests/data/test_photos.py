"""Photos of every kind become the same pixels, hostile ones a clean error, and crops show the object as renders do."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from shelfnet.data.photos import (
    PhotoError,
    check_coverage,
    check_object_size,
    crop_to_object,
    find_mask,
    find_photos,
    median_object_share,
    read_photo,
)

WIDTH, HEIGHT = 24, 16
RED, BLUE = (200, 40, 20), (20, 40, 200)


def quadrants() -> np.ndarray:
    """Red above, blue at the lower left, white at the lower right: no two orientations look alike."""
    pixels = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    pixels[: HEIGHT // 2] = RED
    pixels[HEIGHT // 2 :, : WIDTH // 2] = BLUE
    return pixels


def box_mask(top=4, bottom=12, left=6, right=18) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[top:bottom, left:right] = 255
    return mask


def save(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    (pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)).save(path, **options)
    return path


@pytest.fixture
def photo(tmp_path):
    return save(tmp_path / "chair.png", quadrants())


@pytest.fixture
def mask(tmp_path):
    return save(tmp_path / "cut.png", box_mask())


def test_alpha_of_the_photo_is_the_mask(tmp_path):
    rgba = np.dstack([quadrants(), box_mask()])
    np.testing.assert_array_equal(read_photo(save(tmp_path / "chair.png", rgba)), rgba)


def test_a_mask_file_is_the_mask(photo, mask):
    rgba = read_photo(photo, mask)
    np.testing.assert_array_equal(rgba[..., :3], quadrants())
    np.testing.assert_array_equal(rgba[..., 3], box_mask())


def test_a_mask_file_goes_before_alpha(tmp_path, mask):
    path = save(tmp_path / "chair.png", np.dstack([quadrants(), box_mask(0, 3, 0, 3)]))
    np.testing.assert_array_equal(read_photo(path, mask)[..., 3], box_mask())


def test_a_segmenter_is_asked_only_where_there_is_no_mask(tmp_path, photo, mask):
    asked = []

    def segment(rgb):
        asked.append(rgb)
        return box_mask() / 255.0

    np.testing.assert_array_equal(read_photo(photo, None, segment)[..., 3], box_mask())
    np.testing.assert_array_equal(asked[0], quadrants())
    read_photo(photo, mask, segment)
    read_photo(save(tmp_path / "cut_out.png", np.dstack([quadrants(), box_mask()])), None, segment)
    assert len(asked) == 1


def test_what_the_segmenter_complains_of_names_the_photo(photo):
    def segment(rgb):
        raise PhotoError("sees no chair")

    with pytest.raises(PhotoError, match=r"chair\.png: sees no chair"):
        read_photo(photo, None, segment)


@pytest.mark.parametrize("alpha", [None, 255])
def test_no_mask_says_what_to_pass(tmp_path, alpha):
    pixels = quadrants() if alpha is None else np.dstack([quadrants(), np.full((HEIGHT, WIDTH), alpha, np.uint8)])
    with pytest.raises(PhotoError, match=r"chair\.png: .*--mask.*alpha.*--segmenter"):
        read_photo(save(tmp_path / "chair.png", pixels))


def orient(pixels, orientation):
    """Stored pixels that a viewer shows as ``pixels`` under an EXIF orientation."""
    turned = {
        1: lambda p: p,
        2: lambda p: p[:, ::-1],
        3: lambda p: p[::-1, ::-1],
        4: lambda p: p[::-1],
        5: lambda p: p.transpose(1, 0, 2),
        6: lambda p: np.rot90(p, 1),
        7: lambda p: p[::-1, ::-1].transpose(1, 0, 2),
        8: lambda p: np.rot90(p, -1),
    }
    return np.ascontiguousarray(turned[orientation](pixels))


@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_photos_stand_upright(tmp_path, mask, orientation, suffix):
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if suffix == "webp" else {}
    path = save(tmp_path / f"chair.{suffix}", orient(quadrants(), orientation), exif=exif, **options)
    np.testing.assert_array_equal(read_photo(path, mask)[..., :3], quadrants())


def grey(values):
    return np.repeat(values[..., None], 3, axis=-1)


RAMP = np.linspace(0, 255, WIDTH * HEIGHT).round().astype(np.uint8).reshape(HEIGHT, WIDTH)
MODES = {
    "grey": (Image.fromarray(RAMP), grey(RAMP)),
    "sixteen_bit_grey": (Image.fromarray(RAMP.astype(np.uint16) * 257), grey(RAMP)),
    "palette": (Image.fromarray(quadrants()).convert("P", palette=Image.Palette.ADAPTIVE, colors=4), quadrants()),
    "bilevel": (Image.fromarray(box_mask()).convert("1"), grey(box_mask())),
    "grey_alpha": (Image.fromarray(np.dstack([RAMP, np.full_like(RAMP, 255)]), mode="LA"), grey(RAMP)),
}


@pytest.mark.parametrize("mode", MODES)
def test_colour_modes(tmp_path, mask, mode):
    picture, expected = MODES[mode]
    np.testing.assert_allclose(read_photo(save(tmp_path / "chair.png", picture), mask)[..., :3], expected, atol=1)


def test_cmyk(tmp_path, mask):
    path = save(tmp_path / "chair.jpg", Image.fromarray(quadrants()).convert("CMYK"), quality=100, subsampling=0)
    np.testing.assert_allclose(read_photo(path, mask)[..., :3].astype(int), quadrants(), atol=6)


def test_transparent_palette_is_a_mask(tmp_path):
    picture = Image.fromarray(box_mask() // 255, mode="P")
    picture.putpalette([0, 0, 0, *RED])
    rgba = read_photo(save(tmp_path / "chair.png", picture, transparency=0))
    np.testing.assert_array_equal(rgba[..., 3], box_mask())
    assert rgba[8, 10].tolist() == [*RED, 255]


def test_colours_follow_the_profile_in_the_file(tmp_path, mask):
    """A profile whose red and blue primaries have changed places."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = profile.replace(b"rXYZ", b"temp").replace(b"bXYZ", b"rXYZ").replace(b"temp", b"bXYZ")
    path = save(tmp_path / "chair.png", quadrants(), icc_profile=swapped)
    np.testing.assert_allclose(read_photo(path, mask)[..., :3].astype(int), quadrants()[..., ::-1], atol=2)
    cut_out = save(tmp_path / "cut_out.png", np.dstack([quadrants(), box_mask()]), icc_profile=swapped)
    np.testing.assert_array_equal(read_photo(cut_out)[..., 3], box_mask())
    broken = save(tmp_path / "broken.png", quadrants(), icc_profile=b"no profile")
    np.testing.assert_array_equal(read_photo(broken, mask)[..., :3], quadrants())


def test_floating_point_is_refused(tmp_path, mask):
    path = save(tmp_path / "chair.tif", Image.fromarray(RAMP.astype(np.float32)))
    with pytest.raises(PhotoError, match="floating-point"):
        read_photo(path, mask)


def bomb(side_px):
    chunk = b"IHDR" + struct.pack(">IIBBBBB", side_px, side_px, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk)) + b"\0\0\0\0IDAT"


def truncated(kind):
    stream = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(stream, kind)
    return stream.getvalue()[: len(stream.getvalue()) // 2]


HOSTILE = {
    "empty": b"",
    "text": b"<html>not found</html>",
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    "png_bomb": bomb(30_000),
    "larger_png_bomb": bomb(2**31 - 1),
    **{f"half_a_{kind.lower()}": truncated(kind) for kind in ("PNG", "JPEG", "WEBP", "TIFF", "BMP")},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_a_clean_error(tmp_path, photo, mask, name):
    path = tmp_path / "hostile.png"
    path.write_bytes(HOSTILE[name])
    for arguments in ((path, mask), (photo, path)):
        with pytest.raises(PhotoError, match=r"hostile\.png: expected a whole picture"):
            read_photo(*arguments)


def test_the_limit_on_size_is_that_of_all_pictures(tmp_path):
    (tmp_path / "large.png").write_bytes(bomb(10_000))
    with pytest.raises(PhotoError, match=r"large\.png: .* at most 67108864 pixels, got 10000 x 10000"):
        read_photo(tmp_path / "large.png")


@given(position=st.floats(0, 1), value=st.integers(0, 255), kind=st.sampled_from(["PNG", "JPEG", "TIFF", "WEBP"]))
@settings(max_examples=150, deadline=None)
def test_a_changed_byte_is_pixels_or_a_clean_error(tmp_path_factory, position, value, kind):
    stream = io.BytesIO()
    Image.fromarray(np.dstack([quadrants(), box_mask()])[..., : 3 if kind == "JPEG" else 4]).save(stream, kind)
    data = bytearray(stream.getvalue())
    data[int(position * (len(data) - 1))] = value
    path = tmp_path_factory.mktemp("fuzz") / "chair"
    path.write_bytes(data)
    try:
        assert read_photo(path, None, lambda rgb: np.ones(rgb.shape[:2])).dtype == np.uint8
    except PhotoError as error:
        assert str(path) in str(error)


@pytest.mark.parametrize("place", ["nowhere.png", "."])
def test_what_is_no_file_is_named(tmp_path, place):
    with pytest.raises(PhotoError, match="no such photo"):
        read_photo(tmp_path / place)


@pytest.mark.parametrize("inside", [1, 128, 255])
def test_the_brightest_value_of_a_mask_is_the_object(tmp_path, photo, inside):
    path = save(tmp_path / "cut.png", box_mask() // 255 * np.uint8(inside))
    np.testing.assert_array_equal(read_photo(photo, path)[..., 3], box_mask())


def test_a_mask_may_be_colour_or_alpha(tmp_path, photo):
    red = box_mask()[..., None] // 255 * np.array([200, 0, 0], np.uint8)
    np.testing.assert_array_equal(read_photo(photo, save(tmp_path / "red.png", red))[..., 3], box_mask())
    cut_out = np.dstack([quadrants(), box_mask()])
    np.testing.assert_array_equal(read_photo(photo, save(tmp_path / "cut_out.png", cut_out))[..., 3], box_mask())


@pytest.mark.parametrize("value", [0, 255])
def test_a_mask_of_one_value_is_refused(tmp_path, photo, value):
    path = save(tmp_path / "cut.png", np.full((HEIGHT, WIDTH), value, np.uint8))
    with pytest.raises(PhotoError, match=r"cut\.png: expected a mask, bright where the object is"):
        read_photo(photo, path)


def test_a_mask_of_another_size_is_scaled_and_one_of_another_shape_refused(tmp_path, photo):
    small = Image.fromarray(box_mask()).resize((WIDTH // 2, HEIGHT // 2), Image.Resampling.BOX)
    scaled = read_photo(photo, save(tmp_path / "small.png", small))[..., 3]
    np.testing.assert_array_equal(scaled > 127, box_mask() > 127)
    turned = save(tmp_path / "turned.png", box_mask().T.copy())
    with pytest.raises(PhotoError, match=r"turned\.png: .* 24 x 16 pixels, got 16 x 24"):
        read_photo(photo, turned)


def test_coverage_has_a_least_and_a_most():
    rgba = np.dstack([quadrants(), box_mask()])
    check_coverage(rgba, 0.25)
    with pytest.raises(PhotoError, match=r"between 26\.00% and 99\.50% of the photo, got 25\.00%"):
        check_coverage(rgba, 0.26)
    with pytest.raises(PhotoError, match=r"got 100\.00%"):
        check_coverage(np.dstack([quadrants(), np.full((HEIGHT, WIDTH), 255, np.uint8)]), 0.01)


def test_objects_have_a_least_size():
    rgba = np.dstack([quadrants(), box_mask()])
    check_object_size(rgba, 12)
    with pytest.raises(PhotoError, match="at least 13 pixels along its longer side, got 12"):
        check_object_size(rgba, 13)


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
def test_the_object_stands_in_the_middle_at_its_share(left, top, width, height, size_px, share):
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


def test_what_lies_beyond_the_photo_is_transparent_and_nothing_is_stretched():
    rgba = np.zeros((20, 60, 4), np.uint8)
    rgba[:, 10:50] = (*RED, 255)
    alpha = crop_to_object(rgba, 100, 0.8)[..., 3]
    np.testing.assert_allclose(extent(alpha), (10, 30, 90, 70), atol=0.1)
    assert not alpha[:25].any() and not alpha[75:].any()


def premultiplied(rgba):
    return np.dstack([rgba[..., :3] * (rgba[..., 3:] / 255.0), rgba[..., 3]])


@given(size_px=st.integers(16, 80), share=st.floats(0.3, 0.95), width=st.integers(10, 60))
@settings(max_examples=60, deadline=None)
def test_a_border_of_nothing_around_the_photo_changes_nothing(size_px, share, width):
    rgba = np.full((40, width, 4), 255, np.uint8)
    rgba[..., :3] = np.random.default_rng(0).integers(0, 256, rgba.shape[:2])[..., None]
    bordered = np.pad(rgba, ((150, 150), (150, 150), (0, 0)))
    plain, padded = (premultiplied(crop_to_object(photo, size_px, share)) for photo in (rgba, bordered))
    np.testing.assert_allclose(plain, padded, atol=3.0)  # colours are three times rounded to bytes
    np.testing.assert_allclose(plain[..., 3], padded[..., 3], atol=1.0)


def test_the_background_does_not_bleed_into_the_object():
    rgba = np.full((200, 200, 4), (0, 255, 0, 0), np.uint8)
    y, x = np.mgrid[:200, :200] - 99.5
    rgba[np.hypot(x, y) < 60] = (*RED, 255)
    crop = crop_to_object(rgba, 33, 0.7)
    edge = (crop[..., 3] > 20) & (crop[..., 3] < 235)
    assert edge.any()
    np.testing.assert_allclose(crop[edge][:, :3].astype(int), np.broadcast_to(RED, (edge.sum(), 3)), atol=8)


def test_fine_patterns_are_averaged_when_shrinking():
    rgba = np.zeros((256, 256, 4), np.uint8)
    rgba[..., 3] = 255
    rgba[:, ::2, :3] = 255
    crop = crop_to_object(rgba, 32, 1.0)
    np.testing.assert_allclose(crop[4:-4, 4:-4, :3].astype(int), 128, atol=3)


def test_a_crop_at_the_photos_own_scale_is_the_photo():
    generator = np.random.default_rng(0)
    rgba = np.zeros((64, 64, 4), np.uint8)
    rgba[16:48, 16:48, :3] = generator.integers(0, 256, (32, 32, 3))
    rgba[16:48, 16:48, 3] = 255
    np.testing.assert_array_equal(crop_to_object(rgba, 64, 0.5)[16:48, 16:48], rgba[16:48, 16:48])


def test_an_empty_mask_is_refused():
    with pytest.raises(PhotoError, match="got an empty one"):
        crop_to_object(np.zeros((9, 9, 4), np.uint8), 8, 0.7)


def test_the_median_share_is_of_the_longer_side():
    pictures = np.zeros((4, 20, 20, 4), np.uint8)
    for picture, side in zip(pictures, (10, 16, 12), strict=False):
        picture[2 : 2 + side, 5:9, 3] = 255
    assert median_object_share(pictures) == pytest.approx(0.6)
    with pytest.raises(PhotoError, match="none but empty masks"):
        median_object_share(pictures[3:])


def test_a_crop_has_the_share_that_it_was_asked_for(tmp_path):
    rgba = np.dstack([quadrants(), box_mask()])
    assert median_object_share([crop_to_object(rgba, 200, 0.61)]) == pytest.approx(0.61, abs=0.01)


def test_photos_are_found_with_their_masks(tmp_path):
    for name in ("b.JPG", "a.jpg", "a_mask.png", "sub/c.png", "sub/masks/c.png", "sub/masks/d.png", "sub/masks/c.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    for name in (".hidden.png", ".git/x.png", "notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    (tmp_path / "folder.png").mkdir()
    found = find_photos(tmp_path)
    assert found == [
        (tmp_path / "a.jpg", tmp_path / "a_mask.png"),
        (tmp_path / "b.JPG", None),
        (tmp_path / "sub" / "c.png", tmp_path / "sub" / "masks" / "c.png"),
    ]
    assert [find_mask(photo) for photo, _ in found] == [mask for _, mask in found]


def test_a_mask_beside_the_photo_goes_before_one_in_the_folder(tmp_path):
    (tmp_path / "masks").mkdir()
    for name in ("a.jpg", "a_mask.png", "masks/a.png"):
        (tmp_path / name).write_bytes(b"")
    assert find_photos(tmp_path) == [(tmp_path / "a.jpg", tmp_path / "a_mask.png")]


def test_links_to_folders_are_not_followed(tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    assert find_photos(tmp_path) == [(tmp_path / "a.png", None)]
    assert find_photos(tmp_path / "nowhere") == []


def test_links_to_files_outside_of_the_folder_are_not_followed(tmp_path, caplog):
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
        assert found == [(root / "a.jpg", None), (root / "near.jpg", None), (root / "sub" / "c.jpg", None)]
        told = [record.getMessage() for record in caplog.records]
        assert len(told) == 2
        assert told[0].endswith(f"2 links lead out of {str(root)!r}, not followed: 'a_mask.png', 'b.png'")
        caplog.clear()
    assert find_mask(inside / "a.jpg") == inside / "a_mask.png"
