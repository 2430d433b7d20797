"""Output paths of the photos on a command line."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from shelfnet.cli.errors import UsageError
from shelfnet.data.photographs.files import find_mask, find_photos


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
        photos: Image files, and folders to search for images.
        mask: Mask of a single photo.
        output: ``.glb`` file for a single photo, else a folder, in which folders of photos keep their structure.
        preview: ``.png`` file for a single photo, or a folder as for ``output``; ``None`` for no previews.

    Raises:
        UsageError: There is no photo, a mask for several photos, or an impossible output path.
    """
    single = len(photos) == 1 and not photos[0].is_dir()
    if mask is not None and not single:
        raise UsageError(
            "--mask takes the mask of a single photo; store masks of several next to them: "
            "chair_mask.png or masks/chair.png"
        )
    inputs = [_Input(photos[0], mask or find_mask(photos[0]), Path(photos[0].stem))] if single else _find_inputs(photos)
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
        found = find_photos(path)
        if not found.masks:
            others = f" ({found.skipped_text()})" if found.skipped else ""
            raise UsageError(f"{path}: expected photos in this folder, found none{others}")
        inputs += [_Input(photo, mask, photo.relative_to(path).with_suffix("")) for photo, mask in found.masks.items()]
    return inputs


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
    elif place.suffix and not place.is_dir():
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
