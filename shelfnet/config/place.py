"""The user's own folder or zip file that a data set is read from, and whether other files lie there than before."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from shelfnet.config.dataset import DatasetSettings
from shelfnet.config.load import ConfigError

EXPECTED = {
    "3d_future": "3D-FUTURE: the folder with model_info.json, the folder with its zip files, or one zip file; "
    "it is given out on request at tianchi.aliyun.com, docs/data.md has the steps",
    "folder": "a folder of GLB, OBJ, PLY and STL files (docs/data.md)",
    "images": "a folder, or one zip file, of photographs: PNG with alpha, or images with mask files beside them "
    "(chair.jpg with chair_mask.png or masks/chair.png, images/chair.jpg with masks/chair.png; docs/data.md)",
}
"""What a place holds, by kind of data set."""

TABLES_AND_MODELS = frozenset((".json", ".zip", ".csv", ".parquet", ".glb", ".obj", ".mtl", ".ply", ".stl"))
IMAGES = frozenset((".png", ".jpg", ".jpeg", ".bmp", ".tga", ".tif", ".tiff", ".webp"))
READ_SUFFIXES = TABLES_AND_MODELS | IMAGES
"""Files of any other kind are read by no stage, and change nothing."""


def find_place(dataset: DatasetSettings, environment: Mapping[str, str]) -> Path | None:
    """Where the user's data lies, absolute and without links, so that one place has one name.

    Args:
        dataset: its ``path_env`` names the variable that stands in for its ``path``.
        environment: variables by name.

    Returns:
        The folder or file; ``None`` for data sets that are generated or fetched.

    Raises:
        ConfigError: none is named, or nothing is there.
    """
    if not dataset.has_place:
        return None
    from_variable = environment.get(dataset.path_env or "")
    given = from_variable or dataset.path
    ways = f"dataset.path or {dataset.path_env}" if dataset.path_env else "dataset.path"
    if not given:
        raise ConfigError(f"{ways}: not set; expected {EXPECTED[dataset.kind]}")
    place = Path(given).expanduser().resolve()
    if not place.exists():
        named_by = f"the environment variable {dataset.path_env}" if from_variable else "dataset.path"
        raise ConfigError(f"{place}, named by {named_by}, is not there; expected {EXPECTED[dataset.kind]}")
    return place


def unread_variable(dataset: DatasetSettings, environment: Mapping[str, str]) -> str | None:
    """The environment variable that is set though this data set reads no place; ``None`` where all is well."""
    is_set = bool(environment.get(dataset.path_env or ""))
    return dataset.path_env if is_set and not dataset.has_place else None


def listing_digest(place: Path) -> str:
    """Digest of the names and sizes of a file, or of the files in a folder: quick, and the same for a faithful copy.

    Times are left out, which copies and checkouts change. Hidden files and folders, results of the workflow and files
    that no stage reads do not count; a link counts as itself.
    """
    digest = hashlib.sha256()
    for name, size in sorted(_files(place)):
        digest.update(os.fsencode(name) + f":{size}\n".encode())
    return digest.hexdigest()[:16]


def _files(place: Path) -> Iterator[tuple[str, int]]:
    """Paths below a place, or its own name where it is a file, with sizes in bytes."""
    if place.is_file():
        yield place.name, place.stat().st_size
        return
    results = Path("results").resolve()
    for folder, inner, names in os.walk(place):
        inner[:] = [name for name in inner if not name.startswith(".") and Path(folder, name) != results]
        for path in (Path(folder, name) for name in names if not name.startswith(".")):
            if path.suffix.lower() in READ_SUFFIXES:
                yield str(path.relative_to(place)), path.lstat().st_size
