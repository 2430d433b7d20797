"""Place of a user's data set, and a digest of its files."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from shelfnet.config.dataset import DatasetSettings
from shelfnet.config.load import ConfigError
from shelfnet.file_tree import ALLOW_READING, may_read, walk

EXPECTED = {
    "3d_future": "3D-FUTURE: the folder with model_info.json, the folder with its zip files, or one zip file; "
    "it is given out on request at tianchi.aliyun.com, docs/data.md has the steps",
    "folder": "a folder of GLB, OBJ, PLY and STL files (docs/data.md)",
    "images": "a folder, or one zip file, of photographs: PNG with alpha, or images with mask files beside them "
    "(chair.jpg with chair_mask.png or masks/chair.png, images/chair.jpg with masks/chair.png; docs/data.md)",
}
"""Expected contents of a place, by kind of data set."""

# fmt: off
DATA_SUFFIXES = frozenset((
    ".json", ".zip", ".csv", ".parquet", ".glb", ".obj", ".mtl", ".ply", ".stl",
    ".png", ".jpg", ".jpeg", ".bmp", ".tga", ".tif", ".tiff", ".webp",
))
# fmt: on
"""Suffixes of the files that stages read. Others do not change the digest."""


def find_place(dataset: DatasetSettings, environment: Mapping[str, str]) -> Path | None:
    """Absolute path of the user's data without links, the same however it is given.

    Args:
        dataset: Settings; the variable named by ``path_env`` replaces ``path``.
        environment: Environment variables.

    Returns:
        The folder or file; ``None`` for data sets that are generated or downloaded.

    Raises:
        ConfigError: No path is given, or it does not exist or may not be read.
    """
    if not dataset.has_place:
        return None
    from_variable = environment.get(dataset.path_env or "")
    given = from_variable or dataset.path
    ways = f"dataset.path or {dataset.path_env}" if dataset.path_env else "dataset.path"
    if not given:
        raise ConfigError(f"{ways}: not set; expected {EXPECTED[dataset.kind]}")
    place = Path(given).expanduser().resolve()
    named_by = f"the environment variable {dataset.path_env}" if from_variable else "dataset.path"
    try:
        is_there, is_readable = place.exists(), may_read(place)
    except PermissionError:  # a folder above it
        is_there, is_readable = True, False
    if not is_there:
        raise ConfigError(f"{place}, named by {named_by}, does not exist; expected {EXPECTED[dataset.kind]}")
    if not is_readable:
        raise ConfigError(f"{place}, named by {named_by}, may not be read by this user; {ALLOW_READING}")
    return place


def unread_variable(dataset: DatasetSettings, environment: Mapping[str, str]) -> str | None:
    """Name of the ``path_env`` variable if it is set but this data set does not read it."""
    is_set = bool(environment.get(dataset.path_env or ""))
    return dataset.path_env if is_set and not dataset.has_place else None


def listing_digest(place: Path) -> str:
    """Digest of the names and sizes of a file or of the files in a folder.

    It is fast, and the same for a copy: modification times do not count. Neither do hidden files and folders, results
    of the workflow and files that no stage reads. A link counts as the file that it leads to.
    """
    digest = hashlib.sha256()
    for name, size in sorted(_files(place)):
        digest.update(os.fsencode(name) + f":{size}\n".encode())
    return digest.hexdigest()[:16]


def _files(place: Path) -> Iterator[tuple[str, int]]:
    """Relative paths below a folder, or the name of a file, with sizes in bytes."""
    if place.is_file():
        yield place.name, place.stat().st_size
        return
    results = Path("results").resolve()
    for _, listing in walk(place, lambda folder: not folder.name.startswith(".") and folder != results):
        for name, path in listing.files.items():
            if not name.startswith(".") and path.suffix.lower() in DATA_SUFFIXES:
                yield str(path.relative_to(place)), path.stat().st_size
