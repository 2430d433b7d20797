"""Which photo becomes which file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from shelfnet.cli.errors import UsageError
from shelfnet.data.photographs.files import find_mask, find_photos


@dataclass(frozen=True)
class Job:
    """One photo, its mask file if there is one, and the files to make of it."""

    photo: Path
    mask: Path | None
    mesh: Path
    preview: Path | None


@dataclass(frozen=True)
class _Input:
    """A photo, its mask file, and what its results are called, without a suffix and below an output folder."""

    photo: Path
    mask: Path | None
    name: Path


def plan_jobs(photos: Sequence[Path], mask: Path | None, output: Path, preview: Path | None) -> list[Job]:
    """The photos of a command line, with the files that will hold their meshes and images.

    Args:
        photos: files, and folders to look into.
        mask: of the one photo.
        output: ``.glb`` file of one photo, or a folder; results of a folder of photos lie in it as the photos do.
        preview: ``.png`` file of one photo, or a folder likewise; or none.

    Raises:
        UsageError: no photo, a mask for several, or a file that cannot be where it is asked for.
    """
    single = len(photos) == 1 and not photos[0].is_dir()
    if mask is not None and not single:
        raise UsageError("--mask is for one photo; masks of several lie beside them (chair_mask.png, masks/chair.png)")
    inputs = [_Input(photos[0], mask or find_mask(photos[0]), Path(photos[0].stem))] if single else _inputs(photos)
    _check_place(output, ".glb", "--output", single)
    if preview is not None:
        _check_place(preview, ".png", "--preview", single)
        _check_preview(preview, photos, inputs)
    return [
        Job(entry.photo, entry.mask, _file(output, name, ".glb"), preview and _file(preview, name, ".png"))
        for entry, name in zip(inputs, _distinct([entry.name for entry in inputs]), strict=True)
    ]


def _inputs(photos: Sequence[Path]) -> list[_Input]:
    inputs = []
    for path in photos:
        if path.is_dir():
            found = find_photos(path)
            if not found.masks:
                others = f" ({found.skipped_text()})" if found.skipped else ""
                raise UsageError(f"{path}: expected photos in this folder, found none{others}")
            inputs += [
                _Input(photo, mask, photo.relative_to(path).with_suffix("")) for photo, mask in found.masks.items()
            ]
        else:
            inputs.append(_Input(path, find_mask(path), Path(path.stem)))
    return inputs


def _distinct(names: Sequence[Path]) -> list[Path]:
    """The names, numbered from the second on where several are the same to a file system that ignores case."""
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
    """The file itself where it is named, else the one of that name in the folder."""
    return place if _is_file_name(place, suffix) else place / f"{name}{suffix}"


def _is_file_name(place: Path, suffix: str) -> bool:
    return place.suffix.lower() == suffix and not place.is_dir()


def _check_place(place: Path, suffix: str, option: str, single: bool) -> None:
    if _is_file_name(place, suffix) and not single:
        raise UsageError(f"{option} {place}: expected a folder for several photos, got a file name")
    if not _is_file_name(place, suffix) and place.suffix and not place.is_dir():
        raise UsageError(f"{option} {place}: expected a {suffix} file or a folder")
    if place.is_file() and not _is_file_name(place, suffix):
        raise UsageError(f"{option} {place}: expected a folder, got a file")


def _check_preview(preview: Path, photos: Sequence[Path], inputs: Sequence[_Input]) -> None:
    """Images of results are no photos: they replace none, and the next run must not find them among the photos."""
    place = preview.resolve()
    if any(place == path.resolve() for entry in inputs for path in (entry.photo, entry.mask) if path):
        raise UsageError(f"--preview {preview}: would replace a photo or its mask")
    for folder in photos:
        if folder.is_dir() and place.is_relative_to(folder.resolve()):
            raise UsageError(f"--preview {preview}: expected a folder outside the photos' own {folder}")
