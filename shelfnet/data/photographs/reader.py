"""Read photographs of single objects as upright 8-bit sRGB, with the mask as alpha.

The mask is the first of: a mask file, the photo's alpha channel unless it masks nothing, the object on a plain
background, the output of a segmenter.
"""

import io
import math
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from PIL import ExifTags, Image, ImageCms, ImageOps, UnidentifiedImageError

from shelfnet.data.images import check_size
from shelfnet.data.obj.reader import ModelError
from shelfnet.data.photographs.files import FORMATS, mask_places
from shelfnet.data.photographs.masks import IsolatedObject, isolate_object, masks_something
from shelfnet.data.photographs.plain_background import BackgroundError, cut_out
from shelfnet.file_tree import reading_fault

SegmentFn = Callable[[UInt8[np.ndarray, "h w 3"]], Float[np.ndarray, "h w"]]
"""Returns the mask, in [0, 1], of the object in an sRGB photo; raises :class:`PhotoError` if it finds none."""

ImageSource = Path | Image.Image
"""A file, or an image in memory."""

IN_MEMORY = "image in memory"
"""Name of such an image in messages."""

FILTER = Image.Resampling.HAMMING
"""Downsamples as sharply as bicubic, but without negative weights, which would draw a bright rim around objects."""

SIZE_TOLERANCE = 0.01
"""Relative tolerance of the aspect ratio of a mask at another size than its photo."""

TRANSPOSED_ORIENTATIONS = frozenset({5, 6, 7, 8})
"""EXIF orientations that swap width and height."""


class PhotoError(ModelError):
    """A photo or its mask cannot be used; the message names the file."""


class MissingMaskError(PhotoError):
    """A photo has no mask; the message lists the paths that were searched, and says what is wrong with the background.

    Attributes:
        fault: What is wrong with the background; empty if it was not searched.
    """

    def __init__(self, message: str, fault: str = "") -> None:
        super().__init__(message)
        self.fault = fault


class MaskSource(StrEnum):
    """Where a mask comes from."""

    FILE = "file"
    ALPHA = "alpha"
    PLAIN_BACKGROUND = "plain background"
    SEGMENTER = "segmenter"


@dataclass(frozen=True)
class MaskedPhoto:
    """An upright sRGB photo.

    Attributes:
        rgba: Pixels with the mask as straight alpha.
        mask_source: Where the mask comes from.
    """

    rgba: UInt8[np.ndarray, "h w 4"]
    mask_source: MaskSource

    def isolate(self) -> IsolatedObject:
        """The photo without stray parts of its mask; what stands apart on a plain background is a separate object."""
        return isolate_object(self.rgba, computed=self.mask_source == MaskSource.PLAIN_BACKGROUND)


def read_photo(
    path: ImageSource,
    mask_path: ImageSource | None = None,
    segment: SegmentFn | None = None,
    *,
    plain_background: bool = True,
) -> MaskedPhoto:
    """Read an upright sRGB photo with its mask as straight alpha.

    Args:
        path: PNG, JPEG, WebP, TIFF or BMP file of any colour mode but floating point, or an image in memory.
        mask_path: Mask with the photo's aspect ratio, bright or opaque on the object. It takes precedence over the
            alpha channel of the photo.
        segment: Computes the mask of a photo that has none.
        plain_background: Whether a photo without a mask is first searched for an object on a plain background.

    Raises:
        MissingMaskError: There is neither a mask nor a plain background nor a segmenter.
        PhotoError: The photo is missing, not an image, damaged or too large, or the mask does not fit.
    """
    rgba = _read_rgba(path)
    if mask_path is not None:
        mask = _read_mask(mask_path, rgba.shape[1], rgba.shape[0], path)
        return MaskedPhoto(_with_alpha(rgba, mask), MaskSource.FILE)
    if masks_something(rgba[..., 3]):
        return MaskedPhoto(rgba, MaskSource.ALPHA)
    fault = ""
    if plain_background:
        try:
            return MaskedPhoto(cut_out(rgba[..., :3]), MaskSource.PLAIN_BACKGROUND)
        except BackgroundError as error:
            fault = str(error)
    if segment is None:
        has_alpha = bool(rgba[..., 3].min() < 255)
        hint = ", and its alpha channel is opaque nearly everywhere" if has_alpha else ""
        places = f" in {mask_places(path)}" if isinstance(path, Path) else ""
        reason = fault and f"; {fault}"
        message = f"{_name(path)}: expected a mask of the object, found none{places}{hint}{reason}"
        raise MissingMaskError(message, fault)
    try:
        mask = segment(rgba[..., :3])
    except PhotoError as error:
        raise PhotoError(f"{_name(path)}: {error}") from error
    alpha = np.rint(np.clip(mask, 0.0, 1.0) * 255.0).astype(np.uint8)
    return MaskedPhoto(_with_alpha(rgba, alpha), MaskSource.SEGMENTER)


def _name(source: ImageSource) -> str:
    return str(source) if isinstance(source, Path) else IN_MEMORY


def _opened(source: ImageSource) -> AbstractContextManager[Image.Image]:
    """The image of a file, closed at the end, or an image in memory."""
    return Image.open(source, formats=FORMATS) if isinstance(source, Path) else nullcontext(source)


def _read_rgba(source: ImageSource) -> UInt8[np.ndarray, "h w 4"]:
    """Upright sRGB pixels; opaque if the image has no transparency.

    Raises:
        PhotoError: The image is missing, not an image, damaged or too large.
    """
    fault = reading_fault(source, "no such photo") if isinstance(source, Path) else None
    if fault is not None:
        raise PhotoError(f"{source}: {fault}")
    try:
        with warnings.catch_warnings():  # about large images, which have a limit here, and about damaged EXIF
            warnings.simplefilter("ignore")
            with _opened(source) as image:
                check_size(image)
                upright = ImageOps.exif_transpose(image)
                return np.asarray(_to_srgb(_to_eight_bits(upright)).convert("RGBA"))
    except UnidentifiedImageError as error:
        raise PhotoError(f"{_name(source)}: expected a whole image ({', '.join(FORMATS)}), got other data") from error
    except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error, zlib.error, ...
        raise PhotoError(f"{_name(source)}: expected a whole image ({', '.join(FORMATS)}): {error}") from error


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Convert to a mode that Pillow handles correctly; 16-bit grey, which Pillow would clip, is scaled.

    Raises:
        ValueError: The image has floating-point pixels, which have no defined range.
    """
    if image.mode == "F":
        raise ValueError("expected 8 or 16 bits per channel, got floating-point pixels")
    if image.mode.startswith("I"):
        grey = Image.fromarray((np.clip(np.asarray(image), 0, 65_535) / 257.0).round().astype(np.uint8))
        grey.info = image.info
        return grey
    return image.convert("RGBA") if image.has_transparency_data or image.mode == "P" else image


def _to_srgb(image: Image.Image) -> Image.Image:
    """Convert by the embedded colour profile; unchanged if there is none or it cannot be used."""
    profile = image.info.get("icc_profile")
    if not profile:
        return image
    target = "RGBA" if image.mode == "RGBA" else "RGB"
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode=target)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image
    return image if converted is None else converted


def _read_mask(path: ImageSource, width_px: int, height_px: int, photo: ImageSource) -> UInt8[np.ndarray, "h w"]:
    """Read a mask at the size of its photo: its alpha channel if that masks anything, else its brightness up to 255.

    Raises:
        PhotoError: The mask cannot be read, is constant, or has another aspect ratio.
    """
    rgba = _read_rgba(path)
    values = rgba[..., 3] if masks_something(rgba[..., 3]) else rgba[..., :3].max(axis=-1)
    if values.min() == values.max():
        raise PhotoError(f"{_name(path)}: expected a mask that is bright on the object, got a constant image")
    height, width = values.shape
    if not _same_aspect((width, height), (width_px, height_px)):
        hint = _rotation_hint(photo) if _same_aspect((height, width), (width_px, height_px)) else ""
        expected = f"expected a mask with the aspect ratio of {_name(photo)}, {width_px} x {height_px} pixels"
        raise PhotoError(f"{_name(path)}: {expected}, got {width} x {height}{hint}")
    mask = Image.fromarray(np.rint(values * (255.0 / values.max())).astype(np.uint8))
    return np.asarray(mask if mask.size == (width_px, height_px) else mask.resize((width_px, height_px), FILTER))


def _same_aspect(size: tuple[int, int], other: tuple[int, int]) -> bool:
    return abs(math.log(size[0] / size[1] * other[1] / other[0])) <= SIZE_TOLERANCE


def _rotation_hint(photo: ImageSource) -> str:
    """Hint for a mask that would fit if rotated by 90 degrees."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with _opened(photo) as image:
            orientation = image.getexif().get(ExifTags.Base.Orientation)
    if orientation not in TRANSPOSED_ORIENTATIONS:
        return "; it would fit if rotated by 90 degrees"
    return f"; EXIF orientation {orientation} rotates the photo but not the mask: rotate the mask in the same way"


def _with_alpha(rgba: UInt8[np.ndarray, "h w 4"], alpha: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w 4"]:
    return np.dstack([rgba[..., :3], alpha])
