"""Photographs of single objects: pixels with a mask as alpha, and crops that show the object as renders do.

Whatever a file holds is brought to eight bits a channel, sRGB, upright as its EXIF orientation says. The mask is, in
this order, a mask file, the photo's own alpha, or what a segmenter finds. In a folder, the mask of ``chair.jpg`` is
``chair_mask.png`` beside it or ``masks/chair.png`` below it, in any format and suffix that photos may have.
"""

import io
import logging
import math
import os
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageCms, ImageOps

from shelfnet.data.images import check_size
from shelfnet.data.pictures import MAX_COVERAGE

Segment = Callable[[UInt8[np.ndarray, "h w 3"]], Float[np.ndarray, "h w"]]
"""Mask in [0, 1] of the one object in an sRGB photo; raises :class:`PhotoError` where it finds none."""

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP")
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp"})
MASK_SUFFIX = "_mask"
MASK_FOLDER = "masks"
SHOWN_NAMES = 5

INSIDE = 127
"""Pixels with a larger alpha belong to the object."""

FILTER = Image.Resampling.HAMMING
"""As sharp as bicubic when shrinking, but without negative weights, which would draw a bright rim around objects."""
FILTER_REACH = 1
"""Pixels of a crop around its own that the filter looks at."""

SIZE_TOLERANCE = 0.01
"""A mask at another size than its photo's may differ by so much in the ratio of its sides, for rounding."""

logger = logging.getLogger(__name__)


class PhotoError(ValueError):
    """A photo or its mask cannot be used; the message names the file and what would help."""


def read_photo(path: Path, mask_path: Path | None = None, segment: Segment | None = None) -> UInt8[np.ndarray, "h w 4"]:
    """An upright sRGB photo with its mask as straight alpha.

    Args:
        path: PNG, JPEG, WebP, TIFF or BMP of any colour mode but floating point.
        mask_path: a picture of the photo's shape, bright (or opaque) where the object is; it goes before the photo's
            own alpha.
        segment: makes the mask of a photo that comes without one.

    Raises:
        PhotoError: no such file, no picture, damaged, too large, or no mask; the message says what to do.
    """
    rgba = _read_rgba(path)
    if mask_path is not None:
        return _with_alpha(rgba, _read_mask(mask_path, rgba.shape[1], rgba.shape[0], path))
    if rgba[..., 3].min() < 255:
        return rgba
    if segment is None:
        raise PhotoError(
            f"{path}: expected a mask of the object, got an opaque photo; pass a mask file (--mask), a picture whose "
            "alpha is the mask, or a segmenter that makes one (--segmenter mask_rcnn)"
        )
    try:
        mask = segment(rgba[..., :3])
    except PhotoError as error:
        raise PhotoError(f"{path}: {error}") from error
    return _with_alpha(rgba, np.rint(np.clip(mask, 0.0, 1.0) * 255.0).astype(np.uint8))


def check_coverage(rgba: UInt8[np.ndarray, "h w 4"], min_coverage: float) -> None:
    """Refuse a mask that is no photo's subject, or that leaves no background.

    Args:
        rgba: the photo with its mask as alpha.
        min_coverage: least share of the photo's pixels that the object takes.

    Raises:
        PhotoError: the object covers less, or all of the photo.
    """
    coverage = float((rgba[..., 3] > INSIDE).mean())
    if not min_coverage <= coverage <= MAX_COVERAGE:
        expected = f"between {min_coverage:.2%} and {MAX_COVERAGE:.2%}"
        raise PhotoError(f"expected a mask that covers {expected} of the photo, got {coverage:.2%}")


def check_object_size(rgba: UInt8[np.ndarray, "h w 4"], min_object_px: int) -> None:
    """Refuse an object of which the photo shows too little.

    Args:
        rgba: the photo with its mask as alpha.
        min_object_px: least number of photo pixels along the longer side of the mask's bounding box.

    Raises:
        PhotoError: the mask is smaller, or empty.
    """
    side = _object_side(rgba)
    if side < min_object_px:
        raise PhotoError(f"expected an object of at least {min_object_px} pixels along its longer side, got {side}")


def crop_to_object(rgba: UInt8[np.ndarray, "h w 4"], size_px: int, object_share: float) -> UInt8[np.ndarray, "s s 4"]:
    """A square around the object, as large in it as in the pictures that a network knows; transparent beyond the photo.

    Args:
        rgba: the photo with its mask as straight alpha.
        size_px: side of the crop.
        object_share: of the crop's side that the longer side of the mask's bounding box takes, in (0, 1].

    Raises:
        PhotoError: the mask is empty.
    """
    left, top, right, bottom = _bounding_box(rgba)
    side = _object_side(rgba) / object_share
    return _resample_square(rgba, 0.5 * (left + right - side), 0.5 * (top + bottom - side), side, size_px)


def median_object_share(pictures: Iterable[UInt8[np.ndarray, "h w 4"]]) -> float:
    """Median share of a square picture's side that the longer side of its mask's bounding box takes.

    Pictures whose mask is empty do not count.

    Raises:
        PhotoError: all masks are empty.
    """
    shares = [_object_side(picture) / len(picture) for picture in pictures if (picture[..., 3] > INSIDE).any()]
    if not shares:
        raise PhotoError("expected pictures with masks of their objects, got none but empty masks")
    return float(np.median(shares))


def find_photos(folder: Path) -> list[tuple[Path, Path | None]]:
    """Photos below a folder, sorted, each with its mask file as :func:`find_mask` knows it.

    Hidden files and folders hold no photos, links to folders are not followed, and neither are links to files outside
    of the folder, which the log tells.
    """
    found = []
    for place, folders, _ in os.walk(folder):
        folders[:] = [name for name in folders if name != MASK_FOLDER and not name.startswith(".")]
        pictures = _pictures_in(Path(place), folder)
        masks = _masks_for(Path(place), pictures, folder)
        found += [(path, masks.get(path.stem)) for path in pictures if path not in masks.values()]
    return sorted(found)


def find_mask(photo: Path) -> Path | None:
    """The mask file of ``chair.jpg``: ``chair_mask.png`` beside it, else ``masks/chair.png``, if there is one.

    Whoever names a photo alone names no folder that links could lead out of: they are followed.
    """
    return _masks_for(photo.parent, _pictures_in(photo.parent)).get(photo.stem)


def _masks_for(folder: Path, pictures: Iterable[Path], root: Path | None = None) -> dict[str, Path]:
    """Mask files by the stems of their photos; those beside the photos go before those in a folder below."""
    beside = [path for path in pictures if path.stem.endswith(MASK_SUFFIX)]
    below = {path.stem: path for path in _pictures_in(folder / MASK_FOLDER, root)}
    return below | {path.stem.removesuffix(MASK_SUFFIX): path for path in beside}


def _pictures_in(folder: Path, root: Path | None = None) -> list[Path]:
    """Pictures right in a folder, sorted, but for links that lead out of ``root``."""
    pictures = sorted(path for path in folder.iterdir() if _is_photo(path)) if folder.is_dir() else []
    outside = {path for path in pictures if root is not None and _leads_out(path, root)}
    if outside:
        shown = ", ".join(repr(path.name) for path in sorted(outside)[:SHOWN_NAMES])
        logger.warning("%r: %d links lead out of %r, not followed: %s", str(folder), len(outside), str(root), shown)
    return [path for path in pictures if path not in outside]


def _leads_out(path: Path, root: Path) -> bool:
    """Whether a link, or a file in a folder that is one, lies elsewhere; no other folders on the way are links."""
    is_link = path.is_symlink() or path.parent.is_symlink()
    return is_link and not path.resolve().is_relative_to(root.resolve())


def _is_photo(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()


def _read_rgba(path: Path) -> UInt8[np.ndarray, "h w 4"]:
    """Upright sRGB pixels; opaque where the file has no transparency.

    Raises:
        PhotoError: no such file, no picture, damaged or too large.
    """
    if not path.is_file():
        raise PhotoError(f"{path}: no such photo")
    try:
        with warnings.catch_warnings():  # of pictures that are large (the limit is ours) or whose EXIF is damaged
            warnings.simplefilter("ignore")
            with Image.open(path, formats=FORMATS) as picture:
                check_size(picture)
                upright = ImageOps.exif_transpose(picture)
                return np.asarray(_to_srgb(_to_eight_bits(upright)).convert("RGBA"))
    except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error, zlib.error, ...
        raise PhotoError(f"{path}: expected a whole picture ({', '.join(FORMATS)}): {error}") from error


def _to_eight_bits(picture: Image.Image) -> Image.Image:
    """The same picture in a mode that Pillow converts faithfully; 16-bit grey, which it clips, is scaled.

    Raises:
        ValueError: floating-point pixels, whose range nobody knows.
    """
    if picture.mode == "F":
        raise ValueError("floating-point pixels; save it with 8 or 16 bits a channel")
    if picture.mode.startswith("I"):
        grey = Image.fromarray((np.clip(np.asarray(picture), 0, 65_535) / 257.0).round().astype(np.uint8))
        grey.info = picture.info
        return grey
    return picture.convert("RGBA") if picture.has_transparency_data or picture.mode == "P" else picture


def _to_srgb(picture: Image.Image) -> Image.Image:
    """Colours by the profile in the file; as they are where there is none, or one that cannot be used."""
    profile = picture.info.get("icc_profile")
    if not profile:
        return picture
    target = "RGBA" if picture.mode == "RGBA" else "RGB"
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode=target)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return picture


def _read_mask(path: Path, width_px: int, height_px: int, photo: Path) -> UInt8[np.ndarray, "h w"]:
    """A mask at its photo's size: alpha where there is any, else brightness, with the brightest as 1.

    Raises:
        PhotoError: not readable, the same all over, or of another shape.
    """
    rgba = _read_rgba(path)
    values = rgba[..., 3] if rgba[..., 3].min() < 255 else rgba[..., :3].max(axis=-1)
    if values.min() == values.max():
        raise PhotoError(
            f"{path}: expected a mask, bright where the object is, got a picture that is the same all over"
        )
    height, width = values.shape
    if abs(math.log(width / height * height_px / width_px)) > SIZE_TOLERANCE:
        expected, got = f"{width_px} x {height_px}", f"{width} x {height}"
        raise PhotoError(f"{path}: expected a mask of the shape of {photo}, {expected} pixels, got {got}")
    mask = Image.fromarray(np.rint(values * (255.0 / values.max())).astype(np.uint8))
    return np.asarray(mask if mask.size == (width_px, height_px) else mask.resize((width_px, height_px), FILTER))


def _with_alpha(rgba: UInt8[np.ndarray, "h w 4"], alpha: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w 4"]:
    return np.dstack([rgba[..., :3], alpha])


def _bounding_box(rgba: UInt8[np.ndarray, "h w 4"]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom edges of the mask in pixels.

    Raises:
        PhotoError: the mask is empty.
    """
    inside = rgba[..., 3] > INSIDE
    columns, rows = np.flatnonzero(inside.any(axis=0)), np.flatnonzero(inside.any(axis=1))
    if len(columns) == 0:
        raise PhotoError("expected a mask of the object, got an empty one")
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _object_side(rgba: UInt8[np.ndarray, "h w 4"]) -> int:
    """Longer side of the mask's bounding box in pixels."""
    left, top, right, bottom = _bounding_box(rgba)
    return max(right - left, bottom - top)


def _resample_square(
    rgba: UInt8[np.ndarray, "h w 4"], left: float, top: float, side: float, size_px: int
) -> UInt8[np.ndarray, "s s 4"]:
    """Pixels of a square that may reach beyond the photo, edges in photo pixels.

    Only what lies over the photo is computed, so that a square much larger than the photo costs nothing. Pillow
    multiplies colours by alpha before it filters and divides after.
    """
    scale = side / size_px
    (x0, x1, columns), (y0, y1, rows) = (
        _overlap(start, scale, size_px, length) for start, length in zip((left, top), rgba.shape[1::-1], strict=True)
    )
    corner = math.floor(x0), math.floor(y0)
    region = Image.fromarray(rgba).crop((*corner, math.ceil(x1), math.ceil(y1)))
    box = x0 - corner[0], y0 - corner[1], x1 - corner[0], y1 - corner[1]
    size = columns.stop - columns.start, rows.stop - rows.start
    square = np.zeros((size_px, size_px, 4), dtype=np.uint8)
    square[rows, columns] = np.asarray(region.resize(size, FILTER, box=box))
    return square


def _overlap(start: float, scale: float, size_px: int, length_px: int) -> tuple[float, float, slice]:
    """Pixels along one side of a crop whose filter reaches the photo, and where they begin and end in the photo."""
    first = max(0, math.floor(-start / scale) - FILTER_REACH)
    last = min(size_px, math.ceil((length_px - start) / scale) + FILTER_REACH)
    return start + first * scale, start + last * scale, slice(first, last)
