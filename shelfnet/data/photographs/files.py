"""Find the photographs below a folder, each with its mask file.

The mask of ``chair.jpg`` is the first of these, with any suffix of photographs:

1. ``chair_mask.png`` in the same folder,
2. ``masks/chair.png`` in the same folder, or ``masks/chair_mask.png``,
3. ``../masks/chair.png`` or ``../masks/chair_mask.png``, if it is unambiguous: no photograph in ``..`` or in another of
   its folders has the same name.

A mask may also be named after the whole name of the photograph: ``chair.jpg.png``. Letter case and Unicode composition
are ignored where only one photograph fits.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from shelfnet.data.archives import DEBRIS
from shelfnet.data.file_names import folded_name
from shelfnet.data.name_index import NameIndex
from shelfnet.data.shown_names import SHOWN_NAMES, warn_of
from shelfnet.file_tree import Listing, aliases, files_in, list_folder, may_read, walk

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP")
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp"})
TABLES = ("photographs.csv", "photographs.parquet")
"""Tables of tags in the root folder."""
EXPECTED = frozenset(map(folded_name, (*DEBRIS, *TABLES)))
"""Files that are ignored without a warning."""
MASK_SUFFIX = "_mask"
MASK_FOLDER = "masks"

log = logging.getLogger(__name__)


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

    Hidden files and folders are ignored. Links are followed; a photograph that is found several ways is used once.
    Skipped files, unusable links, and masks without a photograph are logged.
    """
    photos: dict[Path, list[Path]] = {}
    below: dict[Path, list[Path]] = {}
    beside: dict[Path, list[Path]] = {}
    skipped: Counter[str] = Counter()
    unusable: list[str] = []
    for folder, listing in _walk(root):
        skipped.update(_other_suffixes(listing.files))
        unusable += [f"{_below(folder / name, root)} {fault}" for name, fault in listing.unusable.items()]
        images = _images(listing)
        if _holds_masks(folder, root):
            below[folder.parent] = below.get(folder.parent, []) + images
        else:
            beside[folder] = [path for path in images if _is_named_as_mask(path)]
            photos[folder] = [path for path in images if not _is_named_as_mask(path)]
    repeated = set(aliases(path for images in photos.values() for path in images))
    photos = {folder: [path for path in images if path not in repeated] for folder, images in photos.items()}
    masks: dict[Path, Path | None] = {path: None for images in photos.values() for path in images}
    for folder, images in photos.items():
        masks |= _own_masks(images, beside[folder], below.get(folder, []))
    for parent, images in below.items():
        masks |= _masks_for_subfolders(parent, images, masks)
    found = FoundPhotos(root, dict(sorted(masks.items())), skipped)
    links = [_below(path, root) for path in sorted(repeated)]
    warn_of(log, f"{root}: {len(links)} links lead to a photograph that is used", links)
    _warn_of_unused(root, found, [path for images in (*below.values(), *beside.values()) for path in images], unusable)
    return found


def find_mask(photo: Path) -> Path | None:
    """Mask file of one photograph, or ``None``."""
    folder = photo.absolute().parent
    if not may_read(folder):
        return None
    listing = list_folder(folder)
    images = [folder / photo.name, *(path for path in _images(listing) if not _is_named_as_mask(path))]
    beside = [path for path in _images(listing) if _is_named_as_mask(path)]
    own = _own_masks(images, beside, _masks_in(listing)).get(folder / photo.name)
    if own is not None:
        return _relative_as(photo, own)
    parent = folder.parent
    if parent == folder or not may_read(parent):
        return None
    names = {folded_name(photo.stem), folded_name(photo.name)}
    masks = [path for path in _masks_in(list_folder(parent)) if folded_name(_photographed(path)) in names]
    if not masks:
        return None
    around = dict.fromkeys((folder / photo.name, *_photos_around(parent)))
    return _masks_for_subfolders(parent, masks, around).get(folder / photo.name)


def mask_places(photo: Path) -> str:
    """Searched mask paths, relative to the folder of the photograph."""
    below = f"{MASK_FOLDER}/{photo.stem}.*"
    return f"'{photo.stem}{MASK_SUFFIX}.*', '{below}' and '../{below}'"


def find_tables(root: Path) -> list[Path]:
    """Tables of tags in the root folder, whatever the letter case of their names."""
    return [path for name, path in files_in(root).items() if folded_name(name) in TABLES]


def _walk(root: Path) -> Iterator[tuple[Path, Listing]]:
    """Folders that may hold photographs or masks; folders in a folder of masks are left out."""
    if root.is_dir():
        yield from walk(root, lambda path: not path.name.startswith(".") and not _holds_masks(path.parent, root))


def _holds_masks(folder: Path, root: Path) -> bool:
    return folded_name(folder.name) == MASK_FOLDER and folder != root


def _is_named_as_mask(path: Path) -> bool:
    return folded_name(path.stem).endswith(MASK_SUFFIX)


def _photographed(mask: Path) -> str:
    """Stem or name of the photograph that a mask is named after."""
    return mask.stem[: -len(MASK_SUFFIX)] if _is_named_as_mask(mask) else mask.stem


class _PhotoIndex:
    """Photographs by the names of their masks, which are their stems or their whole names.

    Args:
        photos: Photographs of one or several folders.
    """

    def __init__(self, photos: Sequence[Path]) -> None:
        self._by_stem = NameIndex((path.stem, path) for path in photos)
        self._by_name = NameIndex((path.name, path) for path in photos)

    def matches(self, mask: Path) -> list[Path]:
        """Photographs that a mask is named after; names that differ in letter case are ambiguous and match none."""
        name = _photographed(mask)
        matches = self._by_stem.matches(name)
        if matches:
            return matches if len({path.stem for path in matches}) == 1 else []
        matches = self._by_name.matches(name)
        return matches if len({path.name for path in matches}) == 1 else []


def _own_masks(photos: Sequence[Path], beside: Iterable[Path], below: Iterable[Path]) -> dict[Path, Path]:
    """Masks of the photographs of one folder: files named ``*_mask`` take precedence over the folder ``masks``."""
    index = _PhotoIndex(photos)
    return _assigned(_plain_last(below), index) | _assigned(beside, index)


def _assigned(masks: Iterable[Path], photos: _PhotoIndex) -> dict[Path, Path]:
    """Masks by photograph; a mask of the same name takes precedence over one in another letter case."""
    assigned: dict[Path, Path] = {}
    for mask in masks:
        for photo in photos.matches(mask):
            if _photographed(mask) in (photo.stem, photo.name) or photo not in assigned:
                assigned[photo] = mask
    return assigned


def _plain_last(masks: Iterable[Path]) -> list[Path]:
    """Masks in a folder for masks, plain names last: of two masks of a photograph, the last is used."""
    return sorted(masks, key=lambda mask: not _is_named_as_mask(mask))


def _masks_for_subfolders(parent: Path, masks: Iterable[Path], photos: Mapping[Path, Path | None]) -> dict[Path, Path]:
    """Masks from ``masks`` for photographs in the folders beside it; ambiguous ones are left out with a warning.

    Args:
        parent: Folder with the folder of masks.
        masks: Images in the folder of masks.
        photos: Masks by photograph, so far.
    """
    near = [path for path in photos if path.parent == parent or path.parent.parent == parent]
    index = _PhotoIndex(near)
    found: dict[Path, Path] = {}
    ambiguous: list[str] = []
    for mask in _plain_last(masks):
        matches = index.matches(mask)
        without = [path for path in matches if photos[path] is None and path.parent != parent]
        if len({path.parent for path in matches}) > 1:
            ambiguous += [str(path) for path in without]
        else:
            found |= dict.fromkeys(without, mask)
    warn_of(log, f"{len(ambiguous)} photographs have an ambiguous mask, which is not used", ambiguous)
    return found


def _photos_around(parent: Path) -> Iterator[Path]:
    """Photographs in a folder and its subfolders, without folders of masks."""
    listing = list_folder(parent)
    yield from (path for path in _images(listing) if not _is_named_as_mask(path))
    for folder in listing.folders.values():
        if not _holds_masks(folder, parent) and not folder.name.startswith("."):
            yield from (path for path in _images(list_folder(folder)) if not _is_named_as_mask(path))


def _masks_in(listing: Listing) -> list[Path]:
    """Images in the subfolders for masks."""
    folders = [path for name, path in listing.folders.items() if folded_name(name) == MASK_FOLDER]
    return [path for folder in folders for path in _images(list_folder(folder))]


def _images(listing: Listing) -> list[Path]:
    return [
        path for name, path in listing.files.items() if path.suffix.lower() in SUFFIXES and not name.startswith(".")
    ]


def _relative_as(photo: Path, mask: Path) -> Path:
    """The path of a mask, relative if the path of its photograph is."""
    folder = photo.absolute().parent
    return photo.parent / mask.relative_to(folder)


def _warn_of_unused(root: Path, found: FoundPhotos, masks: Iterable[Path], unusable: Sequence[str]) -> None:
    """Log skipped files, unusable links, masks without a photograph, and masks outside the root."""
    if found.skipped:
        log.warning("%s: %s", root, found.skipped_text())
    warn_of(log, f"{root}: {len(unusable)} links or folders are unusable", unusable)
    used = set(found.masks.values())
    unused = sorted(_below(mask, root) for mask in masks if mask not in used)
    warn_of(log, f"{root}: {len(unused)} masks match no single photograph", unused)
    outside = root.absolute().parent / MASK_FOLDER
    if outside.is_dir() and None in found.masks.values():
        log.warning("%s is outside the folder of photographs: to use it, set dataset.path to its parent", outside)


def _other_suffixes(names: Iterable[str]) -> Iterator[str]:
    """Suffixes of files that are neither images nor expected."""
    for name in names:
        suffix = Path(name).suffix.lower()
        if suffix not in SUFFIXES and not name.startswith(".") and folded_name(name) not in EXPECTED:
            yield suffix


def _below(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()
