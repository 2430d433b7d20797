"""Find the photographs below a folder, each with its mask file.

The mask of ``chair.jpg`` is the first of these, with any suffix of photographs:

1. ``chair_mask.png`` in the same folder,
2. ``masks/chair.png`` in the same folder,
3. ``../masks/chair.png``, if it is unambiguous: no photograph in ``..`` or in another of its folders has the same name.
"""

import glob
import logging
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from shelfnet.data.archives import DEBRIS

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP")
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp"})
TABLES = ("photographs.csv", "photographs.parquet")
"""Tables of tags in the root folder."""
EXPECTED = DEBRIS | {*TABLES}
"""Files that are ignored without a warning."""
MASK_SUFFIX = "_mask"
MASK_FOLDER = "masks"
SHOWN_NAMES = 5

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FoundPhotos:
    """Photographs below a folder.

    Attributes:
        root: The folder.
        masks: Mask file or ``None`` by photograph, sorted.
        skipped: Number of other files by suffix.
    """

    root: Path
    masks: Mapping[Path, Path | None]
    skipped: Mapping[str, int]

    def below_root(self) -> dict[str, str | None]:
        """Masks by photograph as sorted paths relative to the root."""
        names = {_below(photo, self.root): mask and _below(mask, self.root) for photo, mask in self.masks.items()}
        return dict(sorted(names.items()))  # paths sort by their parts

    def skipped_text(self) -> str:
        """Message about skipped files, most frequent suffix first; empty if there are none."""
        if not self.skipped:
            return ""
        most = sorted(self.skipped.items(), key=lambda item: (-item[1], item[0]))
        counts = ", ".join(f"{count} {suffix or 'without a suffix'}" for suffix, count in most[:SHOWN_NAMES])
        more = f" and {len(most) - SHOWN_NAMES} more suffixes" if len(most) > SHOWN_NAMES else ""
        return f"skipped: {counts}{more}; read are {', '.join(FORMATS)}"


def find_photos(root: Path) -> FoundPhotos:
    """Photographs below a folder, each with its mask file; files of other kinds are counted.

    Hidden files and folders are ignored. Links to folders, and links to files outside ``root``, are not followed.
    Skipped files are logged.
    """
    images = cache(partial(_images_in, root=root))
    masks: dict[Path, Path | None] = {}
    skipped: Counter[str] = Counter()
    for place, folders, names in os.walk(root):
        folder = Path(place)
        holds_masks = folder.name == MASK_FOLDER and folder != root
        folders[:] = [] if holds_masks else [name for name in folders if not name.startswith(".")]
        skipped.update(_other_suffixes(names))
        if not holds_masks:
            own = _own_masks(images(folder), images(folder / MASK_FOLDER))
            taken = set(own.values())
            masks |= {path: own.get(path.stem) for path in images(folder) if path not in taken}
    masks |= _masks_in_parent(masks, root, images)
    found = FoundPhotos(root, dict(sorted(masks.items())), skipped)
    if skipped:
        logger.warning("%s: %s", root, found.skipped_text())
    if (outside := root.absolute().parent / MASK_FOLDER).is_dir() and None in masks.values():
        logger.warning("%s is outside the folder of photographs: to use it, set dataset.path to its parent", outside)
    return found


def find_mask(photo: Path) -> Path | None:
    """Mask file of one photograph, or ``None``. Links are followed, since there is no root folder to stay inside."""
    own = _own_masks(_images_in(photo.parent), _images_in(photo.parent / MASK_FOLDER))
    if photo.stem in own:
        return own[photo.stem]
    parent = photo.absolute().parent.parent
    mask = _by_stem(_images_in(parent / MASK_FOLDER)).get(photo.stem)
    return mask if mask is not None and len(_folders_with(parent, photo.stem)) == 1 else None


def mask_places(photo: Path) -> str:
    """Searched mask paths, relative to the folder of the photograph."""
    below = f"{MASK_FOLDER}/{photo.stem}.*"
    return f"'{photo.stem}{MASK_SUFFIX}.*', '{below}' and '../{below}'"


def _own_masks(images: Iterable[Path], below: Iterable[Path]) -> dict[str, Path]:
    """Masks by photograph stem: files named ``*_mask`` take precedence over the folder ``masks``."""
    beside = {path.stem.removesuffix(MASK_SUFFIX): path for path in images if path.stem.endswith(MASK_SUFFIX)}
    return _by_stem(below) | beside


def _masks_in_parent(
    masks: Mapping[Path, Path | None], root: Path, images: Callable[[Path], list[Path]]
) -> dict[Path, Path]:
    """Masks from ``../masks`` for photographs without a mask; ambiguous ones are left out with a warning."""
    folders_of: dict[tuple[Path, str], set[Path]] = defaultdict(set)
    for path in masks:
        for folder in (path.parent, path.parent.parent):
            folders_of[folder, path.stem].add(path.parent)
    by_stem = cache(lambda folder: _by_stem(images(folder / MASK_FOLDER)))
    without = [path for path, mask in masks.items() if mask is None and path.parent != root]
    found = {path: mask for path in without if (mask := by_stem(path.parent.parent).get(path.stem))}
    ambiguous = sorted(path for path in found if len(folders_of[path.parent.parent, path.stem]) > 1)
    if ambiguous:
        shown = ", ".join(repr(str(path)) for path in ambiguous[:SHOWN_NAMES])
        logger.warning("%d photographs have an ambiguous mask, which is not used: %s", len(ambiguous), shown)
    return {path: mask for path, mask in found.items() if path not in set(ambiguous)}


def _folders_with(parent: Path, stem: str) -> set[Path]:
    """Folders with a photograph of this stem: ``parent`` itself and its subfolders, without ``masks``."""
    name = f"{glob.escape(stem)}.*"
    paths = [*parent.glob(name), *parent.glob(f"*/{name}")]
    return {path.parent for path in paths if _is_photo(path) and path.stem == stem and path.parent.name != MASK_FOLDER}


def _by_stem(paths: Iterable[Path]) -> dict[str, Path]:
    return {path.stem: path for path in paths}


def _images_in(folder: Path, root: Path | None = None) -> list[Path]:
    """Sorted images in a folder, without links that leave ``root``."""
    images = sorted(path for path in folder.iterdir() if _is_photo(path)) if folder.is_dir() else []
    outside = {path for path in images if root is not None and _leaves_root(path, root)}
    if outside:
        shown = ", ".join(repr(path.name) for path in sorted(outside)[:SHOWN_NAMES])
        logger.warning("%r: %d links leave %r and are not followed: %s", str(folder), len(outside), str(root), shown)
    return [path for path in images if path not in outside]


def _leaves_root(path: Path, root: Path) -> bool:
    """Whether a link, or a file in a linked folder, leaves ``root``; ``os.walk`` follows no other links."""
    is_link = path.is_symlink() or path.parent.is_symlink()
    return is_link and not path.resolve().is_relative_to(root.resolve())


def _is_photo(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()


def _other_suffixes(names: Iterable[str]) -> Iterator[str]:
    """Suffixes of files that are neither images nor expected."""
    for name in names:
        suffix = Path(name).suffix.lower()
        if suffix not in SUFFIXES and not name.startswith(".") and name not in EXPECTED:
            yield suffix


def _below(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()
