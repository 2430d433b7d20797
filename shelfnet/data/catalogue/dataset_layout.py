"""The 3D-FUTURE layout on disk: locations of the list and the models, and a digest of their content."""

import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from shelfnet.data.catalogue.model_info import FILE_NAME, DatasetError
from shelfnet.data.folders import regular_files, subfolders
from shelfnet.data.obj.reader import MAX_OBJ_BYTES
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
    f"(2) download the model archives and {FILE_NAME}; (3) set dataset.path (or the environment variable) to the "
    f"folder with {FILE_NAME}, to the folder with the zip files, or to one zip file, or list the files' addresses with "
    "their SHA-256 in dataset.urls and set dataset.accept_licence"
)


def find_root(source: Path) -> Path:
    """The folder with ``model_info.json``: ``source``, or the nearest folder below it.

    Raises:
        DatasetError: There is none, or several are equally near.
    """
    lists = find_lists(source)
    if not lists:
        raise DatasetError(
            f"{source}: expected {FILE_NAME} in it or in {MODEL_FOLDER}/ below it, found none. {HOW_TO_GET}."
        )
    if len(lists) > 1:
        raise DatasetError(f"{source}: expected one {FILE_NAME}, found {', '.join(map(str, lists))}; name one folder")
    return lists[0].parent


def find_lists(source: Path) -> list[Path]:
    """The ``model_info.json`` files at the smallest depth at which there is one."""
    level = [source]
    for _ in range(MAX_DEPTH):
        found = [folder / FILE_NAME for folder in level if (folder / FILE_NAME).is_file()]
        if found:
            return found
        level = [inner for folder in level for inner in subfolders(folder).values()]
    return []


def model_folders(root: Path) -> dict[str, Path]:
    """Folders of models by name, without links: directly in the root or, as in the release's parts, one level deeper.

    A folder directly in the root takes precedence over a deeper one of the same name.
    """
    direct = subfolders(root)
    deeper: dict[str, Path] = {}
    for part in direct.values():
        if not (part / OBJ_NAME).is_file():
            for name, path in subfolders(part).items():
                if (path / OBJ_NAME).is_file():
                    deeper.setdefault(name, path)
    return deeper | direct


class FolderIndex:
    """Case-insensitive lookup of model folders.

    Args:
        folders: Result of :func:`model_folders`.
    """

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self._folders = folders
        self._similar: dict[str, list[Path]] = {}
        for name, folder in folders.items():
            self._similar.setdefault(name.casefold(), []).append(folder)

    def find(self, model_id: str) -> Path | None:
        """The folder of this exact name, else the only one whose name differs only in case."""
        similar = self._similar.get(model_id.casefold(), [])
        return self._folders.get(model_id, similar[0] if len(similar) == 1 else None)


def unlisted_folders(folders: Mapping[str, Path], model_ids: Iterable[str]) -> list[str]:
    """Sorted names of the model folders that match no id."""
    listed = {model_id.casefold() for model_id in model_ids}
    names = (name for name in folders if name.casefold() not in listed)
    return sorted(name for name in names if (folders[name] / OBJ_NAME).is_file())


def content_digest(root: Path) -> str:
    """SHA-256 over ``model_info.json`` and the names and contents of the model files that the workflow reads.

    Links are ignored. Files too large for any stage contribute their size instead of their content.
    """
    digest = hashlib.sha256(file_digest(root / FILE_NAME).encode())
    for name, folder in sorted(model_folders(root).items()):
        for path in (path for path in regular_files(folder).values() if _is_read(path.name)):
            size = path.stat().st_size
            content = file_digest(path) if size <= MAX_OBJ_BYTES else str(size)
            digest.update(os.fsencode(f"{name}/{path.name}") + f":{content}\n".encode())
    return digest.hexdigest()


def _is_read(name: str) -> bool:
    """Whether a stage may read a file of a model: an OBJ file, a material library or an image."""
    return Path(name).suffix.lower() in READ_SUFFIXES and name not in UNREAD_NAMES
