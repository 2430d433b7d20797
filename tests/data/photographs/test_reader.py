"""Photos of every format give the same pixels; hostile files are refused."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms
from unprivileged import reachable_folder, unprivileged

from shelfnet.data.photographs.reader import MaskSource, MissingMaskError, PhotoError, read_photo

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


def read_rgba(*arguments):
    return read_photo(*arguments).rgba


@pytest.fixture
def photo(tmp_path):
    return save(tmp_path / "chair.png", quadrants())


@pytest.fixture
def mask(tmp_path):
    return save(tmp_path / "cut.png", box_mask())


def test_alpha_of_the_photo_is_the_mask(tmp_path):
    rgba = np.dstack([quadrants(), box_mask()])
    np.testing.assert_array_equal(read_rgba(save(tmp_path / "chair.png", rgba)), rgba)


def test_mask_file_is_the_mask(photo, mask):
    rgba = read_rgba(photo, mask)
    np.testing.assert_array_equal(rgba[..., :3], quadrants())
    np.testing.assert_array_equal(rgba[..., 3], box_mask())


def test_mask_file_takes_precedence_over_alpha(tmp_path, mask):
    path = save(tmp_path / "chair.png", np.dstack([quadrants(), box_mask(0, 3, 0, 3)]))
    np.testing.assert_array_equal(read_rgba(path, mask)[..., 3], box_mask())


def nearly_opaque():
    """The alpha channel of a screenshot: only a corner is transparent."""
    alpha = np.full((HEIGHT, WIDTH), 255, np.uint8)
    alpha[0, 0] = 0
    return alpha


def test_alpha_that_masks_nothing_is_no_mask(tmp_path):
    path = save(tmp_path / "chair.png", np.dstack([quadrants(), nearly_opaque()]))
    rgba = read_rgba(path, None, lambda rgb: box_mask() / 255.0)
    np.testing.assert_array_equal(rgba[..., 3], box_mask())
    with pytest.raises(MissingMaskError, match="alpha channel is opaque"):
        read_rgba(path)


def test_mask_whose_alpha_masks_nothing_is_read_by_brightness(tmp_path, photo):
    grey = np.repeat(box_mask()[..., None], 3, axis=2)
    mask = save(tmp_path / "cut.png", np.dstack([grey, np.full((HEIGHT, WIDTH), 254, np.uint8)]))
    np.testing.assert_array_equal(read_rgba(photo, mask)[..., 3], box_mask())


def test_photo_that_may_not_be_read_is_not_called_broken():
    with reachable_folder() as folder:
        path = save(folder / "chair.png", quadrants())
        path.chmod(0)
        with unprivileged(), pytest.raises(PhotoError, match=r"chair\.png: this user may not read it"):
            read_rgba(path)


def test_segmenter_runs_only_without_a_mask(tmp_path, photo, mask):
    asked = []

    def segment(rgb):
        asked.append(rgb)
        return box_mask() / 255.0

    np.testing.assert_array_equal(read_rgba(photo, None, segment)[..., 3], box_mask())
    np.testing.assert_array_equal(asked[0], quadrants())
    read_rgba(photo, mask, segment)
    read_rgba(save(tmp_path / "cut_out.png", np.dstack([quadrants(), box_mask()])), None, segment)
    assert len(asked) == 1


def on_white(colour=RED):
    """A box on a white background."""
    return np.where(box_mask()[..., None] > 0, np.uint8(colour), np.uint8(255)).repeat(8, axis=0).repeat(8, axis=1)


def test_sources_of_masks_in_their_order(tmp_path, photo, mask):
    def segment(rgb):
        return np.ones(rgb.shape[:2])

    white = save(tmp_path / "white.png", on_white())
    large_mask = save(tmp_path / "large_mask.png", box_mask().repeat(8, axis=0).repeat(8, axis=1))
    cut_out = save(tmp_path / "cut_out.png", np.dstack([quadrants(), box_mask()]))
    assert read_photo(white, large_mask, segment).mask_source == MaskSource.FILE
    assert read_photo(cut_out, None, segment).mask_source == MaskSource.ALPHA
    assert read_photo(white, None, segment).mask_source == MaskSource.PLAIN_BACKGROUND
    assert read_photo(white, None, segment, plain_background=False).mask_source == MaskSource.SEGMENTER
    assert read_photo(photo, None, segment).mask_source == MaskSource.SEGMENTER


def test_plain_background_is_cut_out(tmp_path):
    rgba = read_rgba(save(tmp_path / "white.png", on_white()))
    np.testing.assert_array_equal(rgba[..., 3] > 127, box_mask().repeat(8, axis=0).repeat(8, axis=1) > 127)


def test_refusal_says_what_is_wrong_with_the_ground(tmp_path, photo):
    with pytest.raises(MissingMaskError, match=r"chair\.png: .*mask.*the background is not plain"):
        read_photo(photo)
    nothing = save(tmp_path / "nothing.png", np.full((40, 60, 3), 200, np.uint8))
    with pytest.raises(MissingMaskError, match=r"nothing\.png: .*nothing stands out"):
        read_photo(nothing)
    with pytest.raises(MissingMaskError, match=r"\.\./masks/nothing\.\*'$"):
        read_photo(nothing, plain_background=False)


def test_segmenter_errors_name_the_photo(photo):
    def segment(rgb):
        raise PhotoError("sees no chair")

    with pytest.raises(PhotoError, match=r"chair\.png: sees no chair"):
        read_rgba(photo, None, segment)


@pytest.mark.parametrize("alpha", [None, 255])
def test_missing_mask_lists_the_searched_paths(tmp_path, alpha):
    pixels = quadrants() if alpha is None else np.dstack([quadrants(), np.full((HEIGHT, WIDTH), alpha, np.uint8)])
    places = r"'chair_mask\.\*', 'masks/chair\.\*' and '\.\./masks/chair\.\*'"
    with pytest.raises(MissingMaskError, match=rf"chair\.png: .*{places}"):
        read_rgba(save(tmp_path / "chair.png", pixels))


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
def test_exif_orientation_is_applied(tmp_path, mask, orientation, suffix):
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if suffix == "webp" else {}
    path = save(tmp_path / f"chair.{suffix}", orient(quadrants(), orientation), exif=exif, **options)
    np.testing.assert_array_equal(read_rgba(path, mask)[..., :3], quadrants())


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
    image, expected = MODES[mode]
    np.testing.assert_allclose(read_rgba(save(tmp_path / "chair.png", image), mask)[..., :3], expected, atol=1)


def test_cmyk(tmp_path, mask):
    path = save(tmp_path / "chair.jpg", Image.fromarray(quadrants()).convert("CMYK"), quality=100, subsampling=0)
    np.testing.assert_allclose(read_rgba(path, mask)[..., :3].astype(int), quadrants(), atol=6)


def test_transparent_palette_entry_is_the_mask(tmp_path):
    image = Image.fromarray(box_mask() // 255, mode="P")
    image.putpalette([0, 0, 0, *RED])
    rgba = read_rgba(save(tmp_path / "chair.png", image, transparency=0))
    np.testing.assert_array_equal(rgba[..., 3], box_mask())
    assert rgba[8, 10].tolist() == [*RED, 255]


def test_colour_profile_is_applied(tmp_path, mask):
    """The profile swaps the red and blue primaries."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = profile.replace(b"rXYZ", b"temp").replace(b"bXYZ", b"rXYZ").replace(b"temp", b"bXYZ")
    path = save(tmp_path / "chair.png", quadrants(), icc_profile=swapped)
    np.testing.assert_allclose(read_rgba(path, mask)[..., :3].astype(int), quadrants()[..., ::-1], atol=2)
    cut_out = save(tmp_path / "cut_out.png", np.dstack([quadrants(), box_mask()]), icc_profile=swapped)
    np.testing.assert_array_equal(read_rgba(cut_out)[..., 3], box_mask())
    broken = save(tmp_path / "broken.png", quadrants(), icc_profile=b"no profile")
    np.testing.assert_array_equal(read_rgba(broken, mask)[..., :3], quadrants())


def test_floating_point_is_refused(tmp_path, mask):
    path = save(tmp_path / "chair.tif", Image.fromarray(RAMP.astype(np.float32)))
    with pytest.raises(PhotoError, match="floating-point"):
        read_rgba(path, mask)


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
def test_hostile_files_are_refused(tmp_path, photo, mask, name):
    path = tmp_path / "hostile.png"
    path.write_bytes(HOSTILE[name])
    for arguments in ((path, mask), (photo, path)):
        with pytest.raises(PhotoError, match=r"hostile\.png: "):
            read_rgba(*arguments)


def test_large_images_are_refused(tmp_path):
    (tmp_path / "large.png").write_bytes(bomb(10_000))
    with pytest.raises(PhotoError, match=r"large\.png: .*67108864 .*10000 x 10000"):
        read_rgba(tmp_path / "large.png")


@given(position=st.floats(0, 1), value=st.integers(0, 255), kind=st.sampled_from(["PNG", "JPEG", "TIFF", "WEBP"]))
@settings(max_examples=150, deadline=None)
def test_mutated_files_are_read_or_refused(tmp_path_factory, position, value, kind):
    stream = io.BytesIO()
    Image.fromarray(np.dstack([quadrants(), box_mask()])[..., : 3 if kind == "JPEG" else 4]).save(stream, kind)
    data = bytearray(stream.getvalue())
    data[int(position * (len(data) - 1))] = value
    path = tmp_path_factory.mktemp("fuzz") / "chair"
    path.write_bytes(data)
    try:
        assert read_rgba(path, None, lambda rgb: np.ones(rgb.shape[:2])).dtype == np.uint8
    except PhotoError as error:
        assert str(path) in str(error)


@pytest.mark.parametrize("place", ["nowhere.png", "."])
def test_missing_files_are_refused(tmp_path, place):
    with pytest.raises(PhotoError, match=str(tmp_path)):
        read_rgba(tmp_path / place)


@pytest.mark.parametrize("inside", [1, 128, 255])
def test_brightest_mask_value_is_the_object(tmp_path, photo, inside):
    path = save(tmp_path / "cut.png", box_mask() // 255 * np.uint8(inside))
    np.testing.assert_array_equal(read_rgba(photo, path)[..., 3], box_mask())


def test_mask_may_be_colour_or_alpha(tmp_path, photo):
    red = box_mask()[..., None] // 255 * np.array([200, 0, 0], np.uint8)
    np.testing.assert_array_equal(read_rgba(photo, save(tmp_path / "red.png", red))[..., 3], box_mask())
    cut_out = np.dstack([quadrants(), box_mask()])
    np.testing.assert_array_equal(read_rgba(photo, save(tmp_path / "cut_out.png", cut_out))[..., 3], box_mask())


@pytest.mark.parametrize("value", [0, 255])
def test_constant_mask_is_refused(tmp_path, photo, value):
    path = save(tmp_path / "cut.png", np.full((HEIGHT, WIDTH), value, np.uint8))
    with pytest.raises(PhotoError, match=r"cut\.png: "):
        read_rgba(photo, path)


def test_mask_of_another_size_is_resampled(tmp_path, photo):
    small = Image.fromarray(box_mask()).resize((WIDTH // 2, HEIGHT // 2), Image.Resampling.BOX)
    scaled = read_rgba(photo, save(tmp_path / "small.png", small))[..., 3]
    np.testing.assert_array_equal(scaled > 127, box_mask() > 127)
    other = save(tmp_path / "other.png", box_mask()[:, :12].copy())
    with pytest.raises(PhotoError, match=r"other\.png: .*24 x 16 .*12 x 16$"):
        read_rgba(photo, other)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_rotated_mask_is_refused_with_a_hint(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo = save(tmp_path / "chair.jpg", orient(quadrants(), orientation), exif=exif)
    turned = save(tmp_path / "turned.png", box_mask().T.copy())
    hint = f"EXIF orientation {orientation}" if orientation > 4 else "90 degrees"
    with pytest.raises(PhotoError, match=rf"turned\.png: .*24 x 16 .*16 x 24; .*{hint}"):
        read_rgba(photo, turned)
