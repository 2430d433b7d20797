"""The 3D-FUTURE layout on disk: found in a folder, or extracted from the archives it is released as."""

import hashlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from shelfnet.data.archives import DEFAULT_LIMITS, Limits, extract_zip
from shelfnet.data.model_info import FILE_NAME, DatasetError
from shelfnet.data.objects import MAX_OBJ_BYTES
from shelfnet.provenance import file_digest, publish

MODEL_FOLDER = "3D-FUTURE-model"
OBJ_NAME = "raw_model.obj"
DIGESTED_NAMES = (OBJ_NAME, "model.mtl", "texture.png")
MAX_DEPTH = 3

HOW_TO_GET = (
    "3D-FUTURE is given out by Alibaba on request: ask for '3D-FUTURE' at tianchi.aliyun.com, download the model "
    f"archives, and point dataset.path (or the environment variable) at the folder with {FILE_NAME}, at the folder "
    "with the zip files, or at one zip file"
)


def dataset_path(path: str | None, path_env: str | None) -> Path:
    """Where the data set is said to be: the environment variable, where it is set, else the setting.

    Raises:
        DatasetError: neither names anything, or nothing is there.
    """
    from_env = os.environ.get(path_env) if path_env else None
    given = from_env or path
    variable = f"the environment variable {path_env}" if path_env else "no environment variable (dataset.path_env)"
    if not given:
        raise DatasetError(f"dataset.path is not set, and neither is {variable}. {HOW_TO_GET}.")
    source = Path(given).expanduser()
    if not source.exists():
        setting = variable if from_env else "dataset.path"
        raise DatasetError(f"{source}, named by {setting}, is not there. {HOW_TO_GET}.")
    return source.resolve()


def archives_at(source: Path) -> tuple[Path, ...]:
    """The zip files to extract: ``source`` itself or those in it; none where ``source`` holds an extracted data set."""
    if source.is_file():
        return (source,)
    if _lists(source):
        return ()
    return tuple(sorted(path for path in source.iterdir() if path.suffix.lower() == ".zip" and path.is_file()))


def find_root(source: Path) -> Path:
    """The folder that holds ``model_info.json``: ``source``, or the one folder nearest below it.

    Raises:
        DatasetError: there is none, or several equally near.
    """
    lists = _lists(source)
    if not lists:
        raise DatasetError(
            f"{source}: expected {FILE_NAME} in it or in {MODEL_FOLDER}/ below it, found none. {HOW_TO_GET}."
        )
    if len(lists) > 1:
        raise DatasetError(f"{source}: expected one {FILE_NAME}, found {', '.join(map(str, lists))}; name one folder")
    return lists[0].parent


def extract(archives: Iterable[Path], target: Path, limits: Limits = DEFAULT_LIMITS) -> Path:
    """Extract archives into one data set and publish it as ``target``, replacing an earlier one.

    The parts of the release bring their models in folders of their own; they end up side by side in ``target``.

    Returns:
        The folder that holds ``model_info.json``.

    Raises:
        ArchiveError: an archive is damaged or tries to harm.
        DatasetError: the archives hold no data set, or a model twice.
    """
    temporary = target.with_name(target.name + ".partial")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        for index, archive in enumerate(archives):
            part = temporary / f"part-{index}"
            extract_zip(archive, part, limits)
            _move_models(part, temporary / MODEL_FOLDER, archive)
            shutil.rmtree(part)
        find_root(temporary)
        shutil.rmtree(target, ignore_errors=True)
        publish(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return find_root(target)


def model_folders(root: Path) -> dict[str, Path]:
    """Folders of models by name, right below the root; links are left out."""
    with os.scandir(root) as entries:
        return {entry.name: Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)}


def folder_of(model_id: str, folders: dict[str, Path]) -> Path | None:
    """The folder of a model: of its exact name, else the only one whose name differs in letter case alone."""
    if model_id in folders:
        return folders[model_id]
    similar = [folder for name, folder in folders.items() if name.casefold() == model_id.casefold()]
    return similar[0] if len(similar) == 1 else None


def content_digest(root: Path) -> str:
    """SHA-256 over ``model_info.json`` and, by name and content, the files of the models that the workflow reads.

    Links count as absent; a file too large to be read by any stage counts by its size.
    """
    digest = hashlib.sha256(file_digest(root / FILE_NAME).encode())
    for name, folder in sorted(model_folders(root).items()):
        for path in (folder / file_name for file_name in DIGESTED_NAMES):
            if path.is_file() and not path.is_symlink():
                size = path.stat().st_size
                content = file_digest(path) if size <= MAX_OBJ_BYTES else str(size)
                digest.update(os.fsencode(f"{name}/{path.name}") + f":{content}\n".encode())
    return digest.hexdigest()


def _lists(source: Path) -> list[Path]:
    """The ``model_info.json`` files at the smallest depth that has one."""
    level = [source]
    for _ in range(MAX_DEPTH):
        found = [folder / FILE_NAME for folder in level if (folder / FILE_NAME).is_file()]
        if found:
            return found
        level = [inner for folder in level for _, inner in sorted(model_folders(folder).items())]
    return []


def _move_models(part: Path, target: Path, archive: Path) -> None:
    """Move the folder that holds models (or the list), freed of what it was wrapped in, into ``target``."""
    obj_files = sorted(part.glob(f"**/{OBJ_NAME}"), key=lambda path: (len(path.parts), path))
    lists = sorted(part.glob(f"**/{FILE_NAME}"), key=lambda path: (len(path.parts), path))
    if not obj_files and not lists:
        raise DatasetError(f"{archive}: expected {FILE_NAME} or models with {OBJ_NAME} in it, found neither")
    target.mkdir(parents=True, exist_ok=True)
    models = list(obj_files[0].parent.parent.iterdir()) if obj_files else []
    for path in dict.fromkeys([*models, *lists[:1]]):
        if (target / path.name).exists():
            raise DatasetError(f"{archive}: {path.name} is also in another archive")
        path.rename(target / path.name)
