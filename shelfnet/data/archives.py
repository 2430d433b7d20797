"""Safe extraction of untrusted zip archives: inside the target folder or not at all, and within limits."""

import re
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from shelfnet.data.file_names import folded_name

CHUNK_BYTES = 1024**2
COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
DEBRIS = frozenset({"__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini"})
"""Files that file managers add to archives; not extracted."""


DRIVE_LETTER = re.compile(r"[A-Za-z]:")


class ArchiveError(ValueError):
    """An archive is refused; the message names it and says why."""


@dataclass(frozen=True)
class Limits:
    """Limits of one archive; all of 3D-FUTURE stays well within them.

    Attributes:
        total_bytes: Maximum sum of the extracted sizes.
        ratio: Maximum compression ratio of an entry, and of all entries together relative to the archive, since
            entries may overlap in it; not applied up to ``ratio_free_bytes``.
        ratio_free_bytes: Extracted size that is always allowed.
        entries: Maximum number of files and folders.
        empty_files: Maximum number of empty files, which are cheap in the archive but not in the file system.
    """

    total_bytes: int = 256 * 1024**3
    ratio: float = 200.0
    ratio_free_bytes: int = 4 * 1024**2
    entries: int = 1_000_000
    empty_files: int = 1_000


DEFAULT_LIMITS = Limits()


def extract_zip(archive: Path, target: Path, limits: Limits = DEFAULT_LIMITS) -> None:
    """Extract an archive into an empty or new folder; every entry is checked before the first byte is written.

    Raises:
        ArchiveError: The archive is damaged, encrypted, not a zip or beyond a limit, or an entry leaves the folder,
            is a link, or has the name of another one, ignoring case. The folder may then hold some of the entries.
    """
    with _open_checked(archive, limits) as (opened, entries):
        _check_room(entries, target)
        for entry in entries:
            _extract(opened, entry, target)


def list_zip(archive: Path, limits: Limits = DEFAULT_LIMITS) -> dict[PurePosixPath, int]:
    """Size in bytes of every file that :func:`extract_zip` would write, by its path in the folder.

    Raises:
        ArchiveError: The archive is refused by its table of contents.
    """
    with _open_checked(archive, limits) as (_, entries):
        return {PurePosixPath(entry.filename): entry.file_size for entry in entries if not entry.is_dir()}


@contextmanager
def _open_checked(archive: Path, limits: Limits) -> Iterator[tuple[zipfile.ZipFile, list[zipfile.ZipInfo]]]:
    """An open archive with its entries, all checked; errors raised while it is open name the archive."""
    try:
        with zipfile.ZipFile(archive) as opened:
            for entry in opened.infolist():
                entry.filename = entry.filename.replace("\\", "/")  # as archives of .NET Framework are meant
            entries = [entry for entry in opened.infolist() if not DEBRIS & set(PurePosixPath(entry.filename).parts)]
            _check(entries, archive.stat().st_size, limits)
            yield opened, entries
    except ArchiveError as error:
        raise ArchiveError(f"{archive}: {error}") from None
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError) as error:
        raise ArchiveError(f"{archive}: expected a whole zip archive: {error}") from error


def _check(entries: list[zipfile.ZipInfo], archive_bytes: int, limits: Limits) -> None:
    if len(entries) > limits.entries:
        raise ArchiveError(f"expected at most {limits.entries} entries, got {len(entries)}")
    total = sum(entry.file_size for entry in entries)
    if total > limits.total_bytes:
        raise ArchiveError(f"expected at most {limits.total_bytes} bytes when extracted, got {total}")
    empty = sum(entry.file_size == 0 and not entry.is_dir() for entry in entries)
    if empty > limits.empty_files:
        raise ArchiveError(f"expected at most {limits.empty_files} empty files, got {empty}")
    files = {folded_name(entry.filename.rstrip("/")) for entry in entries if not entry.is_dir()}
    seen: set[str] = set()
    for entry in entries:
        name = folded_name(entry.filename.rstrip("/"))
        fault = _entry_fault(entry, limits) or _name_fault(name, seen, files)
        if fault is not None:
            raise ArchiveError(f"entry {entry.filename[:200]!r} {fault}")
        seen.add(name)
    if total > max(limits.ratio_free_bytes, limits.ratio * archive_bytes):
        raise ArchiveError(f"grows from {archive_bytes} to {total} bytes")


def _name_fault(name: str, seen: set[str], files: set[str]) -> str | None:
    if name in seen:
        return "occurs twice"
    return "has a file as its folder" if any(str(folder) in files for folder in PurePosixPath(name).parents) else None


def _entry_fault(entry: zipfile.ZipInfo, limits: Limits) -> str | None:
    name = entry.orig_filename.replace("\\", "/")
    mode = entry.external_attr >> 16
    if "\0" in name or DRIVE_LETTER.match(name) or name.startswith("/") or ".." in PurePosixPath(name).parts:
        return "leaves the folder"
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a link or a device"
    if entry.flag_bits & 0x1:
        return "is encrypted"
    if entry.compress_type not in COMPRESSIONS:
        return f"uses the unknown compression {entry.compress_type}"
    allowed = max(limits.ratio_free_bytes, limits.ratio * entry.compress_size)
    return None if entry.file_size <= allowed else f"grows from {entry.compress_size} to {entry.file_size} bytes"


def _check_room(entries: list[zipfile.ZipInfo], target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    needed, free = sum(entry.file_size for entry in entries), shutil.disk_usage(target).free
    if needed > free:
        raise ArchiveError(f"needs {needed} bytes in {target.parent}, {free} are free there")


def _extract(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path) -> None:
    destination = target.joinpath(*PurePosixPath(entry.filename).parts)
    if entry.is_dir():
        destination.mkdir(parents=True, exist_ok=True)
        return
    destination.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(entry) as source, destination.open("xb") as sink:
        shutil.copyfileobj(source, sink, CHUNK_BYTES)
