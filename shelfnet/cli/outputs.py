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
from shelfnet.prediction.mesh_files import MESH_SUFFIXES, mesh_companions
from shelfnet.prediction.turntable import TURNTABLE_SUFFIXES, TurntableFormatError, check_turntable

FILE_SUFFIXES = frozenset(
    (*MODEL_SUFFIXES, *UNSUPPORTED_SUFFIXES, *PHOTO_SUFFIXES, ".gif", ".mp4", ".mov", ".pdf", ".svg")
)
"""Suffixes of names that mean a file; any other name, such as ``meshes_v1.0``, means a folder."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PhotoOutputs:
    """A photo with its mask file, if there is one, and the files to write for it."""

    photo: Path
    mask: Path | None
    mesh: Path
    preview: Path | None = None
    turntable: Path | None = None


@dataclass(frozen=True)
class Destination:
    """Where the results of one kind go.

    Attributes:
        option: Option of the command line.
        place: A file for a single photo, or a folder, in which folders of photos keep their structure.
        suffixes: Suffixes of the formats; the first is that of files in a folder.
    """

    option: str
    place: Path
    suffixes: tuple[str, ...]

    @property
    def is_file(self) -> bool:
        """Whether the place is the name of a file in one of the formats."""
        return self.place.suffix.lower() in self.suffixes and not self.place.is_dir()

    def file(self, name: Path) -> Path:
        """File of a photo with a name relative to the folder, without suffix."""
        return self.place if self.is_file else self.place / f"{name}{self.suffixes[0]}"

    def check(self, single: bool) -> None:
        """Refuse a place that is impossible for the number of photos.

        Raises:
            UsageError: A file for several photos, a file of another format, or a folder that is a file.
        """
        if self.is_file:
            if not single:
                raise UsageError(f"{self.option} {self.place}: expected a folder for several photos, got a file name")
        elif self.place.suffix.lower() in FILE_SUFFIXES and not self.place.is_dir():
            formats = ", ".join(self.suffixes)
            raise UsageError(f"{self.option} {self.place}: expected a folder, or a file that ends with {formats}")
        elif self.place.is_file():
            raise UsageError(f"{self.option} {self.place}: expected a folder, got a file")


@dataclass(frozen=True)
class Destinations:
    """Destinations of meshes, previews and turntables."""

    meshes: Destination
    previews: Destination | None = None
    turntables: Destination | None = None

    def images(self) -> tuple[Destination, ...]:
        """Those with files that could be taken for photos, textures of OBJ files among them."""
        meshes = self.meshes if mesh_companions(self.meshes.file(Path("name"))) else None
        return tuple(each for each in (meshes, self.previews, self.turntables) if each is not None)


def destinations(output: Path, format_: str | None, preview: Path | None, turntable: Path | None) -> Destinations:
    """Destinations named on a command line.

    Args:
        output: Place of the meshes.
        format_: Format of meshes in a folder; ``None`` for GLB.
        preview: Place of the previews.
        turntable: Place of the animations; GIF in a folder.

    Raises:
        UsageError: ``output`` is a file of another format than ``format_``, or the encoder of an animation is missing.
    """
    first = f".{format_ or 'glb'}"
    meshes = Destination("--output", output, (first, *(suffix for suffix in MESH_SUFFIXES if suffix != first)))
    if format_ is not None and meshes.is_file and output.suffix.lower() != first:
        raise UsageError(f"--output {output}: not a file of --format {format_}")
    turning = None
    if turntable is not None:
        turning = Destination("--turntable", turntable, TURNTABLE_SUFFIXES)
        if turning.is_file:
            try:
                check_turntable(turntable)
            except TurntableFormatError as error:
                raise UsageError(f"--turntable {error}") from error
    return Destinations(meshes, preview and Destination("--preview", preview, (".png",)), turning)


@dataclass(frozen=True)
class _Input:
    """A photo, its mask file, and the path of its results relative to an output folder, without suffix."""

    photo: Path
    mask: Path | None
    name: Path


def plan_outputs(photos: Sequence[Path], mask: Path | None, wanted: Destinations) -> list[PhotoOutputs]:
    """List the photos with the files to write.

    Args:
        photos: Image files, and folders to search for images. Files that are the mask of another one are not photos:
            ``*.png`` also matches ``chair_mask.png``.
        mask: Mask of a single photo.
        wanted: Destinations of the results.

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
    for destination in {wanted.meshes, *wanted.images()}:
        destination.check(single)
    planned = [
        PhotoOutputs(
            entry.photo,
            entry.mask,
            wanted.meshes.file(name),
            wanted.previews and wanted.previews.file(name),
            wanted.turntables and wanted.turntables.file(name),
        )
        for entry, name in zip(inputs, _distinct([entry.name for entry in inputs]), strict=True)
    ]
    _keep_photos(planned)
    for destination in wanted.images():
        _keep_outside(destination, photos)
    return planned


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


def _keep_photos(planned: Sequence[PhotoOutputs]) -> None:
    """Refuse outputs that would replace a photo or a mask, for example the texture of an OBJ.

    Raises:
        UsageError: An output is one of these.
    """
    inputs = {path.resolve() for outputs in planned for path in (outputs.photo, outputs.mask) if path}
    for outputs in planned:
        written = (outputs.mesh, *mesh_companions(outputs.mesh), outputs.preview, outputs.turntable)
        for path in written:
            if path is not None and path.resolve() in inputs:
                raise UsageError(f"{path}: an output would replace a photo or its mask; choose another name")


def _keep_outside(destination: Destination, photos: Sequence[Path]) -> None:
    """Refuse images in a folder of photos, which the next run would take for photos.

    Raises:
        UsageError: The destination is in such a folder.
    """
    for folder in photos:
        if folder.is_dir() and destination.place.resolve().is_relative_to(folder.resolve()):
            place = f"{destination.option} {destination.place}"
            raise UsageError(f"{place}: expected a folder outside the folder of photos {folder}")
