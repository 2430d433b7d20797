"""Output paths of the photos on a command line."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from shelfnet.cli.errors import UsageError
from shelfnet.data.importers.convert import SUFFIXES as MODEL_SUFFIXES
from shelfnet.data.photographs.files import SUFFIXES as PHOTO_SUFFIXES
from shelfnet.data.photographs.files import find_mask, find_photos
from shelfnet.data.shown_names import shown_names
from shelfnet.data.sources.folder import UNSUPPORTED_SUFFIXES
from shelfnet.file_tree import ALLOW_READING, may_read

FILE_SUFFIXES = frozenset((*MODEL_SUFFIXES, *UNSUPPORTED_SUFFIXES, *PHOTO_SUFFIXES, ".gif", ".pdf", ".svg"))
"""Suffixes of names that mean a file; any other name, such as ``meshes_v1.0``, means a folder."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PhotoOutputs:
    """A photo with its mask file, if there is one, and the files to write for it."""

    photo: Path
    mask: Path | None
    mesh: Path
    preview: Path | None


@dataclass(frozen=True)
class _Input:
    """A photo, its mask file, and the path of its results relative to an output folder, without suffix."""

    photo: Path
    mask: Path | None
    name: Path


def plan_outputs(photos: Sequence[Path], mask: Path | None, output: Path, preview: Path | None) -> list[PhotoOutputs]:
    """List the photos with the files to write.

    Args:
        photos: Image files, and folders to search for images. Files that are the mask of another one are not photos:
            ``*.png`` also matches ``chair_mask.png``.
        mask: Mask of a single photo.
        output: ``.glb`` file for a single photo, else a folder, in which folders of photos keep their structure.
        preview: ``.png`` file for a single photo, or a folder as for ``output``; ``None`` for no previews.

    Raises:
        UsageError: There is no photo, a mask for several photos, or an impossible output path.
    """
    inputs = _without_masks(_find_inputs(photos))
    single = len(inputs) == 1 and not any(path.is_dir() for path in photos)
    if mask is not None and not single:
        raise UsageError(
            "--mask takes the mask of a single photo; store masks of several next to them: "
            "chair_mask.png or masks/chair.png"
        )
    if mask is not None:
        inputs = [replace(inputs[0], mask=mask)]
    _check_place(output, ".glb", "--output", single)
    if preview is not None:
        _check_place(preview, ".png", "--preview", single)
        _check_preview(preview, photos, inputs)
    return [
        PhotoOutputs(entry.photo, entry.mask, _file(output, name, ".glb"), preview and _file(preview, name, ".png"))
        for entry, name in zip(inputs, _distinct([entry.name for entry in inputs]), strict=True)
    ]


def _find_inputs(photos: Sequence[Path]) -> list[_Input]:
    inputs = []
    for path in photos:
        if not path.is_dir():
            inputs.append(_Input(path, find_mask(path), Path(path.stem)))
            continue
        if not may_read(path):
            raise UsageError(f"{path}: this user may not read this folder; {ALLOW_READING}")
        found = find_photos(path)
        if not found.masks:
            others = f" ({found.skipped_text()})" if found.skipped else ""
            raise UsageError(f"{path}: expected photos in this folder, found none{others}")
        inputs += [_Input(photo, mask, photo.relative_to(path).with_suffix("")) for photo, mask in found.masks.items()]
    return inputs


def _without_masks(inputs: Sequence[_Input]) -> list[_Input]:
    """Inputs except those that are the mask of another input, which are logged."""
    masks = {entry.mask.resolve() for entry in inputs if entry.mask is not None}
    photos = [entry for entry in inputs if entry.photo.resolve() not in masks]
    if len(photos) < len(inputs):
        names = [str(entry.photo) for entry in inputs if entry.photo.resolve() in masks]
        log.info("%d files are masks of other photos, not photos: %s", len(names), shown_names(names))
    return photos


def _distinct(names: Sequence[Path]) -> list[Path]:
    """Number names that repeat, ignoring case as some file systems do: ``a``, ``a_2``, ``a_3``."""
    taken: set[str] = set()
    distinct = []
    for name in names:
        free, number = name, 1
        while str(free).casefold() in taken:
            number += 1
            free = name.with_name(f"{name.name}_{number}")
        taken.add(str(free).casefold())
        distinct.append(free)
    return distinct


def _file(place: Path, name: Path, suffix: str) -> Path:
    return place if _is_file_name(place, suffix) else place / f"{name}{suffix}"


def _is_file_name(place: Path, suffix: str) -> bool:
    return place.suffix.lower() == suffix and not place.is_dir()


def _check_place(place: Path, suffix: str, option: str, single: bool) -> None:
    if _is_file_name(place, suffix):
        if not single:
            raise UsageError(f"{option} {place}: expected a folder for several photos, got a file name")
    elif place.suffix.lower() in FILE_SUFFIXES and not place.is_dir():
        raise UsageError(f"{option} {place}: expected a {suffix} file or a folder")
    elif place.is_file():
        raise UsageError(f"{option} {place}: expected a folder, got a file")


def _check_preview(preview: Path, photos: Sequence[Path], inputs: Sequence[_Input]) -> None:
    """Previews must not replace a photo, nor be taken for photos by the next run."""
    place = preview.resolve()
    if any(place == path.resolve() for entry in inputs for path in (entry.photo, entry.mask) if path):
        raise UsageError(f"--preview {preview}: would replace a photo or its mask")
    for folder in photos:
        if folder.is_dir() and place.is_relative_to(folder.resolve()):
            raise UsageError(f"--preview {preview}: expected a folder outside the folder of photos {folder}")
