"""Photographs, and which file is the mask of which, among the files of a folder.

The mask of ``chair.jpg`` is the first of these, in any format and suffix that photographs may have:

1. ``chair_mask.png`` beside it,
2. ``masks/chair.png`` in its folder,
3. ``masks/chair.png`` beside its folder (``images/chair.jpg``), where no photograph of another folder there, or of the
   folder with ``masks`` itself, has the same name: whose mask it is would be a guess.
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
"""Tables of tags, right in the folder."""
EXPECTED = DEBRIS | {*TABLES}
"""Names of files that are no photographs, and that nobody needs to be told of."""
MASK_SUFFIX = "_mask"
MASK_FOLDER = "masks"
SHOWN_NAMES = 5

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FoundPhotos:
    """The photographs below a folder.

    Attributes:
        root: the folder.
        masks: the mask file of each, if there is one, by the path of the photograph; sorted.
        skipped: how many files are neither, by suffix.
    """

    root: Path
    masks: Mapping[Path, Path | None]
    skipped: Mapping[str, int]

    def below_root(self) -> dict[str, str | None]:
        """Photographs and their masks by paths relative to the root, sorted."""
        names = {_below(photo, self.root): mask and _below(mask, self.root) for photo, mask in self.masks.items()}
        return dict(sorted(names.items()))  # paths sort by their parts

    def skipped_text(self) -> str:
        """What was skipped, most frequent first, and what is read; empty where nothing was."""
        if not self.skipped:
            return ""
        most = sorted(self.skipped.items(), key=lambda item: (-item[1], item[0]))
        counts = ", ".join(f"{count} {suffix or 'without a suffix'}" for suffix, count in most[:SHOWN_NAMES])
        more = f" and {len(most) - SHOWN_NAMES} more suffixes" if len(most) > SHOWN_NAMES else ""
        return f"skipped: {counts}{more}; read are {', '.join(FORMATS)}"


def find_photos(root: Path) -> FoundPhotos:
    """Photographs below a folder, each with its mask file; files of other kinds are counted.

    Hidden files and folders hold no photographs, links to folders are not followed, and neither are links to files
    outside of the folder. The log tells what is left aside.
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
    masks |= _masks_beside_folders(masks, root, images)
    found = FoundPhotos(root, dict(sorted(masks.items())), skipped)
    if skipped:
        logger.warning("%s: %s", root, found.skipped_text())
    if (outside := root.absolute().parent / MASK_FOLDER).is_dir() and None in masks.values():
        logger.warning("%s is beside the folder of photographs, not in it: to use it, name the folder above", outside)
    return found


def find_mask(photo: Path) -> Path | None:
    """The mask file of one photograph, if there is one.

    Whoever names a photograph alone names no folder that links could lead out of: they are followed.
    """
    own = _own_masks(_images_in(photo.parent), _images_in(photo.parent / MASK_FOLDER))
    if photo.stem in own:
        return own[photo.stem]
    beside = photo.absolute().parent.parent
    mask = _by_stem(_images_in(beside / MASK_FOLDER)).get(photo.stem)
    return mask if mask is not None and len(_homes_beside(beside, photo.stem)) == 1 else None


def mask_places(photo: Path) -> str:
    """Where the mask of a photograph is looked for, relative to its folder."""
    below = f"{MASK_FOLDER}/{photo.stem}.*"
    return f"'{photo.stem}{MASK_SUFFIX}.*', '{below}' and '../{below}'"


def _own_masks(images: Iterable[Path], below: Iterable[Path]) -> dict[str, Path]:
    """Mask files of a folder by the stems of their photographs: those beside these go before those below."""
    beside = {path.stem.removesuffix(MASK_SUFFIX): path for path in images if path.stem.endswith(MASK_SUFFIX)}
    return _by_stem(below) | beside


def _masks_beside_folders(
    masks: Mapping[Path, Path | None], root: Path, images: Callable[[Path], list[Path]]
) -> dict[Path, Path]:
    """Masks of photographs that have none so far, in ``masks`` beside their folders and below the root."""
    homes: dict[tuple[Path, str], set[Path]] = defaultdict(set)
    for path in masks:
        for folder in (path.parent, path.parent.parent):
            homes[folder, path.stem].add(path.parent)
    by_stem = cache(lambda folder: _by_stem(images(folder / MASK_FOLDER)))
    without = [path for path, mask in masks.items() if mask is None and path.parent != root]
    found = {path: mask for path in without if (mask := by_stem(path.parent.parent).get(path.stem))}
    shared = sorted(path for path in found if len(homes[path.parent.parent, path.stem]) > 1)
    if shared:
        shown = ", ".join(repr(str(path)) for path in shared[:SHOWN_NAMES])
        logger.warning("%d photographs share the name of a mask with others, it is not used: %s", len(shared), shown)
    return {path: mask for path, mask in found.items() if path not in set(shared)}


def _homes_beside(beside: Path, stem: str) -> set[Path]:
    """Folders with a photograph of that name: ``beside`` itself, and those in it that hold no masks."""
    name = f"{glob.escape(stem)}.*"
    paths = [*beside.glob(name), *beside.glob(f"*/{name}")]
    return {path.parent for path in paths if _is_photo(path) and path.stem == stem and path.parent.name != MASK_FOLDER}


def _by_stem(paths: Iterable[Path]) -> dict[str, Path]:
    return {path.stem: path for path in paths}


def _images_in(folder: Path, root: Path | None = None) -> list[Path]:
    """Images right in a folder, sorted, but for links that lead out of ``root``."""
    images = sorted(path for path in folder.iterdir() if _is_photo(path)) if folder.is_dir() else []
    outside = {path for path in images if root is not None and _leads_out(path, root)}
    if outside:
        shown = ", ".join(repr(path.name) for path in sorted(outside)[:SHOWN_NAMES])
        logger.warning("%r: %d links lead out of %r, not followed: %s", str(folder), len(outside), str(root), shown)
    return [path for path in images if path not in outside]


def _leads_out(path: Path, root: Path) -> bool:
    """Whether a link, or a file in a folder that is one, lies elsewhere; no other folders on the way are links."""
    is_link = path.is_symlink() or path.parent.is_symlink()
    return is_link and not path.resolve().is_relative_to(root.resolve())


def _is_photo(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()


def _other_suffixes(names: Iterable[str]) -> Iterator[str]:
    """Suffixes of the files that are no images; hidden ones, debris and tables of tags are expected."""
    for name in names:
        suffix = Path(name).suffix.lower()
        if suffix not in SUFFIXES and not name.startswith(".") and name not in EXPECTED:
            yield suffix


def _below(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()
