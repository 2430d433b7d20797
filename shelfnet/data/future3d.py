"""The 3D-FUTURE layout on disk: found in a folder, or extracted from the archives it is released as."""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from shelfnet.data.archives import DEFAULT_LIMITS, Limits, extract_zip
from shelfnet.data.model_info import FILE_NAME, DatasetError
from shelfnet.data.objects import MAX_OBJ_BYTES
from shelfnet.provenance import file_digest, publish

MODEL_FOLDER = "3D-FUTURE-model"
OBJ_NAME = "raw_model.obj"
MTL_NAME = "model.mtl"
TEXTURE_NAME = "texture.png"
READ_SUFFIXES = frozenset((".obj", ".mtl", ".png", ".jpg", ".jpeg", ".bmp", ".tga", ".tif", ".tiff", ".webp"))
UNREAD_NAMES = frozenset(("image.jpg", "normalized_model.obj"))
"""Files of the release that no stage reads."""
MAX_DEPTH = 3

HOW_TO_GET = (
    "3D-FUTURE is given out by Alibaba on request: (1) ask for '3D-FUTURE' at tianchi.aliyun.com, accept its licence; "
    f"(2) download the model archives and {FILE_NAME}; (3) point dataset.path (or the environment variable) at the "
    f"folder with {FILE_NAME}, at the folder with the zip files, or at one zip file, or name the files' addresses with "
    "their SHA-256 in dataset.urls and set dataset.accept_licence"
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


def released_files(source: Path) -> tuple[Path, ...]:
    """The zip files to extract, and the list beside them where it is not in one of them.

    ``source`` is one zip file, or a folder with zip files in it or in its folders. Nothing is to be extracted where it
    holds a list and models already.
    """
    if source.is_file():
        return (source,)
    lists = _lists(source)
    if any(_holds_a_model(path.parent) for path in lists):
        return ()
    archives = [path for folder in (source, *sorted(_folders(source).values())) for path in _zip_files(folder)]
    return (*archives, *lists) if archives else ()


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


def extract(files: Iterable[Path], target: Path, limits: Limits = DEFAULT_LIMITS) -> Path:
    """Extract archives into one data set and publish it as ``target``, replacing an earlier one.

    The parts of the release bring their models in folders of their own; they end up side by side in ``target``, beside
    the list, which is in one of the archives or a file (``.json``) of its own.

    Returns:
        The folder that holds ``model_info.json``.

    Raises:
        ArchiveError: an archive is damaged or tries to harm.
        DatasetError: the archives hold no data set, or a model twice.
    """
    temporary = target.with_name(target.name + ".partial")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        root = temporary / MODEL_FOLDER
        root.mkdir(parents=True)
        for index, file in enumerate(files):
            if file.suffix.lower() == ".json":
                _place_list(file, root, file, shutil.copyfile)
                continue
            part = temporary / f"part-{index}"
            extract_zip(file, part, limits)
            _move_models(part, root, file)
            shutil.rmtree(part)
        find_root(temporary)
        shutil.rmtree(target, ignore_errors=True)
        publish(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return find_root(target)


def model_folders(root: Path) -> dict[str, Path]:
    """Folders of models by name: right below the root or, as the release's parts bring them, one folder deeper.

    Links are left out. A folder right below the root counts before one of the same name that is deeper.
    """
    direct = _folders(root)
    deeper: dict[str, Path] = {}
    for _, part in sorted(direct.items()):
        if not (part / OBJ_NAME).is_file():
            inner = {name: path for name, path in _folders(part).items() if (path / OBJ_NAME).is_file()}
            deeper = inner | deeper
    return deeper | direct


def folder_of(model_id: str, folders: dict[str, Path]) -> Path | None:
    """The folder of a model: of its exact name, else the only one whose name differs in letter case alone."""
    if model_id in folders:
        return folders[model_id]
    similar = [folder for name, folder in folders.items() if name.casefold() == model_id.casefold()]
    return similar[0] if len(similar) == 1 else None


def unlisted_folders(folders: Mapping[str, Path], model_ids: Iterable[str]) -> list[str]:
    """Names, sorted, of the folders with a model that no id means."""
    listed = {model_id.casefold() for model_id in model_ids}
    names = (name for name in folders if name.casefold() not in listed)
    return sorted(name for name in names if (folders[name] / OBJ_NAME).is_file())


def content_digest(root: Path) -> str:
    """SHA-256 over ``model_info.json`` and, by name and content, the files of the models that the workflow reads.

    Links count as absent; a file too large to be read by any stage counts by its size.
    """
    digest = hashlib.sha256(file_digest(root / FILE_NAME).encode())
    for name, folder in sorted(model_folders(root).items()):
        for path in _read_files(folder):
            size = path.stat().st_size
            content = file_digest(path) if size <= MAX_OBJ_BYTES else str(size)
            digest.update(os.fsencode(f"{name}/{path.name}") + f":{content}\n".encode())
    return digest.hexdigest()


def _read_files(folder: Path) -> list[Path]:
    """Files of a model that a stage may read: its OBJ, material libraries and pictures, sorted by name."""
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if entry.is_file(follow_symlinks=False)]
    return [folder / name for name in sorted(names) if _is_read(name)]


def _is_read(name: str) -> bool:
    return Path(name).suffix.lower() in READ_SUFFIXES and name not in UNREAD_NAMES


def _folders(folder: Path) -> dict[str, Path]:
    """Folders right below a folder by name; links are left out."""
    with os.scandir(folder) as entries:
        return {entry.name: Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)}


def _zip_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() == ".zip" and path.is_file())


def _holds_a_model(root: Path) -> bool:
    return any((folder / OBJ_NAME).is_file() for folder in model_folders(root).values())


def _lists(source: Path) -> list[Path]:
    """The ``model_info.json`` files at the smallest depth that has one."""
    level = [source]
    for _ in range(MAX_DEPTH):
        found = [folder / FILE_NAME for folder in level if (folder / FILE_NAME).is_file()]
        if found:
            return found
        level = [inner for folder in level for _, inner in sorted(_folders(folder).items())]
    return []


def _move_models(part: Path, target: Path, archive: Path) -> None:
    """Move the folder that holds models (or the list), freed of what it was wrapped in, into ``target``."""
    obj_files = sorted(part.glob(f"**/{OBJ_NAME}"), key=lambda path: (len(path.parts), path))
    lists = sorted(part.glob(f"**/{FILE_NAME}"), key=lambda path: (len(path.parts), path))
    if not obj_files and not lists:
        raise DatasetError(f"{archive}: expected {FILE_NAME} or models with {OBJ_NAME} in it, found {_found(part)}")
    for path in lists[:1]:
        _place_list(path, target, archive, shutil.move)
    for path in obj_files[0].parent.parent.iterdir() if obj_files else ():
        if (target / path.name).exists():
            raise DatasetError(f"{archive}: {path.name} is also in another archive")
        path.rename(target / path.name)


def _place_list(path: Path, target: Path, origin: Path, place: Callable[[Path, Path], object]) -> None:
    """Bring a list to ``target``; one that is there already has to be the same."""
    present = target / FILE_NAME
    if present.exists() and file_digest(present) != file_digest(path):
        raise DatasetError(f"{origin}: its {FILE_NAME} differs from that of another archive")
    place(path, present)


def _found(part: Path) -> str:
    archives = sorted(path.name for path in part.glob("**/*") if path.suffix.lower() == ".zip")
    if not archives:
        return "neither"
    return f"archives in the archive ({', '.join(archives[:3])}): extract it, and name the folder with these"
