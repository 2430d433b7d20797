"""Photographs of single objects: pixels with a mask as alpha.

Whatever a file holds is brought to eight bits a channel, sRGB, upright as its EXIF orientation says. The mask is, in
this order, a mask file, the photo's own alpha, or what a segmenter finds.
"""

import io
import math
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from PIL import ExifTags, Image, ImageCms, ImageOps

from shelfnet.data.images import check_size
from shelfnet.data.obj.reader import ModelError
from shelfnet.data.photographs.files import FORMATS, mask_places

Segment = Callable[[UInt8[np.ndarray, "h w 3"]], Float[np.ndarray, "h w"]]
"""Mask in [0, 1] of the one object in an sRGB photo; raises :class:`PhotoError` where it finds none."""

FILTER = Image.Resampling.HAMMING
"""As sharp as bicubic when shrinking, but without negative weights, which would draw a bright rim around objects."""

SIZE_TOLERANCE = 0.01
"""A mask at another size than its photo's may differ by so much in the ratio of its sides, for rounding."""

TURNED_ORIENTATIONS = frozenset({5, 6, 7, 8})
"""EXIF orientations under which width and height change places."""


class PhotoError(ModelError):
    """A photo or its mask cannot be used; the message names the file and what would help."""


class MissingMaskError(PhotoError):
    """A photo comes without a mask; the message says where one was looked for, the caller knows how to pass one."""


def read_photo(path: Path, mask_path: Path | None = None, segment: Segment | None = None) -> UInt8[np.ndarray, "h w 4"]:
    """An upright sRGB photo with its mask as straight alpha.

    Args:
        path: PNG, JPEG, WebP, TIFF or BMP of any colour mode but floating point.
        mask_path: an image of the photo's shape, bright (or opaque) where the object is; it goes before the photo's
            own alpha.
        segment: makes the mask of a photo that comes without one.

    Raises:
        MissingMaskError: there is no mask, and nothing that makes one.
        PhotoError: no such file, no image, damaged, too large, or a mask that does not fit.
    """
    rgba = _read_rgba(path)
    if mask_path is not None:
        return _with_alpha(rgba, _read_mask(mask_path, rgba.shape[1], rgba.shape[0], path))
    if rgba[..., 3].min() < 255:
        return rgba
    if segment is None:
        places = mask_places(path)
        raise MissingMaskError(f"{path}: expected a mask of the object, got an opaque photo; no mask in {places}")
    try:
        mask = segment(rgba[..., :3])
    except PhotoError as error:
        raise PhotoError(f"{path}: {error}") from error
    return _with_alpha(rgba, np.rint(np.clip(mask, 0.0, 1.0) * 255.0).astype(np.uint8))


def _read_rgba(path: Path) -> UInt8[np.ndarray, "h w 4"]:
    """Upright sRGB pixels; opaque where the file has no transparency.

    Raises:
        PhotoError: no such file, no image, damaged or too large.
    """
    if not path.is_file():
        raise PhotoError(f"{path}: no such photo")
    try:
        with warnings.catch_warnings():  # of images that are large (the limit is ours) or whose EXIF is damaged
            warnings.simplefilter("ignore")
            with Image.open(path, formats=FORMATS) as image:
                check_size(image)
                upright = ImageOps.exif_transpose(image)
                return np.asarray(_to_srgb(_to_eight_bits(upright)).convert("RGBA"))
    except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error, zlib.error, ...
        raise PhotoError(f"{path}: expected a whole image ({', '.join(FORMATS)}): {error}") from error


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """The same image in a mode that Pillow converts faithfully; 16-bit grey, which it clips, is scaled.

    Raises:
        ValueError: floating-point pixels, whose range nobody knows.
    """
    if image.mode == "F":
        raise ValueError("floating-point pixels; save it with 8 or 16 bits a channel")
    if image.mode.startswith("I"):
        grey = Image.fromarray((np.clip(np.asarray(image), 0, 65_535) / 257.0).round().astype(np.uint8))
        grey.info = image.info
        return grey
    return image.convert("RGBA") if image.has_transparency_data or image.mode == "P" else image


def _to_srgb(image: Image.Image) -> Image.Image:
    """Colours by the profile in the file; as they are where there is none, or one that cannot be used."""
    profile = image.info.get("icc_profile")
    if not profile:
        return image
    target = "RGBA" if image.mode == "RGBA" else "RGB"
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode=target)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image


def _read_mask(path: Path, width_px: int, height_px: int, photo: Path) -> UInt8[np.ndarray, "h w"]:
    """A mask at its photo's size: alpha where there is any, else brightness, with the brightest as 1.

    Raises:
        PhotoError: not readable, the same all over, or of another shape.
    """
    rgba = _read_rgba(path)
    values = rgba[..., 3] if rgba[..., 3].min() < 255 else rgba[..., :3].max(axis=-1)
    if values.min() == values.max():
        raise PhotoError(f"{path}: expected a mask, bright where the object is, got an image that is the same all over")
    height, width = values.shape
    if not _have_one_shape((width, height), (width_px, height_px)):
        expected, got = f"{width_px} x {height_px}", f"{width} x {height}"
        hint = _turn_hint(photo) if _have_one_shape((height, width), (width_px, height_px)) else ""
        raise PhotoError(f"{path}: expected a mask of the shape of {photo}, {expected} pixels, got {got}{hint}")
    mask = Image.fromarray(np.rint(values * (255.0 / values.max())).astype(np.uint8))
    return np.asarray(mask if mask.size == (width_px, height_px) else mask.resize((width_px, height_px), FILTER))


def _have_one_shape(size: tuple[int, int], other: tuple[int, int]) -> bool:
    return abs(math.log(size[0] / size[1] * other[1] / other[0])) <= SIZE_TOLERANCE


def _turn_hint(photo: Path) -> str:
    """What to say of a mask that would fit if it were turned by 90 degrees."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(photo, formats=FORMATS) as image:
            orientation = image.getexif().get(ExifTags.Base.Orientation)
    if orientation not in TURNED_ORIENTATIONS:
        return "; it would fit if it were turned by 90 degrees"
    return (
        f"; the photo is turned by its EXIF orientation ({orientation}), and the mask is not: turn the mask likewise, "
        "or draw it on the photo as it is shown"
    )


def _with_alpha(rgba: UInt8[np.ndarray, "h w 4"], alpha: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w 4"]:
    return np.dstack([rgba[..., :3], alpha])
