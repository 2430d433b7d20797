"""The 3D-FUTURE layout on disk: locations of the list and the models, and a digest of their content."""

import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from shelfnet.data.catalogue.model_info import LIST_NAME, DatasetError
from shelfnet.data.file_names import folded_name
from shelfnet.data.folders import model_files
from shelfnet.data.obj.reader import MAX_OBJ_BYTES
from shelfnet.file_tree import list_folder, subfolders
from shelfnet.provenance import file_digest

MODEL_FOLDER = "3D-FUTURE-model"
OBJ_NAME = "raw_model.obj"
MTL_NAME = "model.mtl"
TEXTURE_NAME = "texture.png"
READ_SUFFIXES = frozenset((".obj", ".mtl", ".png", ".jpg", ".jpeg", ".bmp", ".tga", ".tif", ".tiff", ".webp"))
UNREAD_NAMES = frozenset(("image.jpg", "normalized_model.obj"))
"""Files of the release that no stage reads."""
MAX_DEPTH = 3

HOW_TO_GET = (
    "Alibaba provides 3D-FUTURE on request: (1) request '3D-FUTURE' at tianchi.aliyun.com and accept its licence; "
    f"(2) download the model archives and {LIST_NAME}; (3) set dataset.path (or the environment variable) to the "
    f"folder with {LIST_NAME}, to the folder with the zip files, or to one zip file, or list the files' addresses with "
    "their SHA-256 in dataset.urls and set dataset.accept_licence"
)


def find_root(source: Path) -> Path:
    """The folder with ``model_info.json``: ``source``, or the nearest folder below it.

    Raises:
        DatasetError: There is none, or several are equally near.
    """
    lists = find_lists(source)
    if not lists:
        links = "".join(f"; {name} {fault}" for name, fault in list_folder(source).unusable.items())
        expected = f"expected {LIST_NAME} in it or in {MODEL_FOLDER}/ below it, found none{links}"
        raise DatasetError(f"{source}: {expected}. {HOW_TO_GET}.")
    if len(lists) > 1:
        raise DatasetError(f"{source}: expected one {LIST_NAME}, found {', '.join(map(str, lists))}; name one folder")
    return lists[0].parent


def find_lists(source: Path) -> list[Path]:
    """The ``model_info.json`` files at the smallest depth at which there is one, without aliases by links."""
    level = [source]
    for _ in range(MAX_DEPTH):
        found = [folder / LIST_NAME for folder in level if (folder / LIST_NAME).is_file()]
        if found:
            distinct: dict[Path, Path] = {}
            for path in found:
                distinct.setdefault(path.resolve(), path)
            return list(distinct.values())
        level = [inner for folder in level for inner in subfolders(folder).values()]
    return []


def model_folders(root: Path) -> dict[str, Path]:
    """Folders by name that may be models: those with an OBJ file at any depth, and all direct subfolders.

    The release's parts have models one level below the root, or two if each part was unpacked into a folder of its own.
    """
    return subfolders(root) | folders_with_obj(root)


def folders_with_obj(root: Path) -> dict[str, Path]:
    """Folders below a folder with the OBJ file of a model, by name; the least deep of several with the same name."""
    models: dict[str, Path] = {}
    level = [root]
    for _ in range(MAX_DEPTH + 1):
        below = [path for folder in level for path in subfolders(folder).values()]
        level = []
        for path in below:
            if os.path.lexists(path / OBJ_NAME):
                models.setdefault(path.name, path)
            else:
                level.append(path)
    return models


def unlisted_folders(folders: Mapping[str, Path], model_ids: Iterable[str]) -> list[str]:
    """Sorted names of the model folders that match no id."""
    listed = {folded_name(model_id) for model_id in model_ids}
    names = (name for name in folders if folded_name(name) not in listed)
    return sorted(name for name in names if (folders[name] / OBJ_NAME).is_file())


def content_digest(root: Path) -> str:
    """SHA-256 over ``model_info.json`` and the names and contents of the model files that the workflow reads.

    Links that leave their model are ignored, as stages do. Files too large for any stage contribute their size instead
    of their content.
    """
    digest = hashlib.sha256(file_digest(root / LIST_NAME).encode())
    for name, folder in sorted(model_folders(root).items()):
        for path in (path for path in model_files(folder).values() if _is_read(path.name)):
            size = path.stat().st_size
            content = file_digest(path) if size <= MAX_OBJ_BYTES else str(size)
            digest.update(os.fsencode(f"{name}/{path.name}") + f":{content}\n".encode())
    return digest.hexdigest()


def _is_read(name: str) -> bool:
    """Whether a stage may read a file of a model: an OBJ file, a material library or an image."""
    return Path(name).suffix.lower() in READ_SUFFIXES and name not in UNREAD_NAMES
