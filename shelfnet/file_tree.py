"""Folders of the user's data, with symbolic links followed.

A usable link leads to a readable file, or to a readable folder that does not contain the link. The reason why another
link is unusable is stated. No archive contributes links: its entries are checked before anything is extracted.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ALLOW_READING = "its owner can allow it with chmod a+rX"
"""Remedy in messages about a file or folder that this user may not read."""


@dataclass(frozen=True)
class Listing:
    """Content of a folder, sorted by name.

    Attributes:
        folders: Subfolders and links to folders by name.
        files: Regular files and links to such files by name; devices and pipes are left out.
        unusable: Reason by name of a link that leads to neither, and of a folder that this user may not read.
    """

    folders: dict[str, Path]
    files: dict[str, Path]
    unusable: dict[str, str]


def reading_fault(path: Path, missing: str) -> str | None:
    """Why a file cannot be read, or ``None`` if it can. A pipe or a device is not opened, since that may wait forever.

    Args:
        path: The file.
        missing: What to say if it does not exist.
    """
    try:
        if not (path.is_file() or path.is_dir()) and path.exists():
            return "expected a file, got a pipe or a device"
        path.open("rb").close()
    except FileNotFoundError:
        return missing
    except PermissionError:
        return f"this user may not read it; {ALLOW_READING}"
    except OSError as error:
        return f"expected a file: {error.strerror}"
    return None


def list_folder(folder: Path) -> Listing:
    """The content of a folder.

    Raises:
        OSError: There is no such folder, or this user may not read it.
    """
    listing = Listing({}, {}, {})
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            path = folder / entry.name
            fault = link_fault(path) if entry.is_symlink() else None
            if fault is not None:
                listing.unusable[entry.name] = fault
            elif entry.is_dir() and not may_read(path):
                listing.unusable[entry.name] = "is a folder that this user may not read"
            elif entry.is_dir():
                listing.folders[entry.name] = path
            elif entry.is_file():
                listing.files[entry.name] = path
    return listing


def subfolders(folder: Path) -> dict[str, Path]:
    """Direct subfolders by name, sorted, with links to folders."""
    return list_folder(folder).folders


def files_in(folder: Path) -> dict[str, Path]:
    """Files directly in a folder by name, sorted, with links to files."""
    return list_folder(folder).files


def aliases(files: Iterable[Path]) -> list[Path]:
    """Links among some files that lead to another one of them, or to the target of an earlier link."""
    files = list(files)
    links = {path for path in files if path.is_symlink()}
    seen = {_identity(path) for path in files if path not in links} if links else set()
    found = []
    for link in sorted(links):
        if (identity := _identity(link)) in seen:
            found.append(link)
        seen.add(identity)
    return found


def walk(root: Path, is_entered: Callable[[Path], bool]) -> Iterator[tuple[Path, Listing]]:
    """The folder ``root`` and all folders below it with their content, each folder once.

    A folder that is reached both directly and through a link counts where it is.

    Args:
        root: Folder to begin with.
        is_entered: Whether to enter a subfolder.

    Raises:
        OSError: This user may not read ``root``.
    """
    folders, links = [root], []
    seen: set[tuple[int, int]] = set()
    while folders or links:
        folder = folders.pop() if folders else links.pop(0)
        if (identity := _identity(folder)) in seen:
            continue
        seen.add(identity)
        listing = list_folder(folder)
        yield folder, listing
        for path in listing.folders.values():
            if is_entered(path):
                (links if path.is_symlink() else folders).append(path)


def may_read(path: Path) -> bool:
    """Whether this user may read a file, or list and enter a folder."""
    mode = os.R_OK | os.X_OK if path.is_dir() else os.R_OK
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


def link_fault(path: Path) -> str | None:
    """Why a link cannot be followed, with its target; ``None`` if it can, or if ``path`` is no link."""
    try:
        fault = _target_fault(path)
    except FileNotFoundError:
        fault = "which does not exist"
    except PermissionError:
        fault = "which this user may not read"
    except (OSError, RuntimeError):  # the latter in Python before 3.13
        fault = "which leads back to itself"
    return None if fault is None else f"is a link to {path.readlink()}, {fault}"


def _identity(path: Path) -> tuple[int, int]:
    """Device and number of a file or folder, which are the same on all paths to it."""
    status = path.stat()
    return status.st_dev, status.st_ino


def _target_fault(path: Path) -> str | None:
    if not path.is_symlink():
        return None
    target = path.resolve(strict=True)
    if target.is_dir():
        if path.parent.resolve().is_relative_to(target):
            return "a folder that contains the link"
    elif not target.is_file():
        return "which is neither a file nor a folder"
    return None if may_read(target) else "which this user may not read"
