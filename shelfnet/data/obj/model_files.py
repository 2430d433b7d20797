"""Files of one model, found by the names that its other files use, and never outside its folder.

Authors move folders, rename files, and write MTL files on systems that ignore letter case. A name is therefore taken as
a hint: a missing file is searched by the end of its path, and by its name without letter case.
"""

import os
import posixpath
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from shelfnet.data.folders import Confinement
from shelfnet.data.name_index import NameIndex

DRIVE_LETTER = re.compile(r"^[A-Za-z]:")
COMMENT = re.compile(r"\s#.*$")
LIBRARY_NAME = re.compile(r'"[^"]*"|\'[^\']*\'|\S.*?\.mtl(?=\s|$)|\S+', re.IGNORECASE)
"""A quoted name, a name up to ``.mtl`` that may contain blanks, or a word."""
MAX_END_PARTS = 8
"""Length of the longest end of a path that is searched."""


class ModelFiles:
    """Finder of the files of a model.

    A file is found only if it is a regular file that the model may refer to; see
    :class:`~shelfnet.data.folders.Confinement`.

    Args:
        folder: Folder of the model.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._confinement = Confinement(folder)
        self._listings: dict[Path, NameIndex[str]] = {}

    def find_named(self, text: str, beside: Path | None = None) -> Path | None:
        """The file that a name in an OBJ, MTL or PLY file refers to, or None.

        Quotes around the name and a comment after it are ignored. The name is relative to the folder of the file that
        contains it, or to the model's folder. If there is no such file, or if the name is absolute or leaves the
        model's folder, ends of the name are searched in these two folders, the longest first.

        Args:
            text: The name, with slashes or backslashes.
            beside: Folder of the file that contains the name; the model's folder by default.
        """
        folders = dict.fromkeys([beside or self.folder, self.folder])
        for spelling in _spellings(text):
            for name in (spelling, *_ends(spelling)):
                for folder in folders:
                    if (found := self.find_relative(name, folder)) is not None:
                        return found
        return None

    def find_libraries(self, text: str) -> tuple[list[Path], list[str]]:
        """The material libraries that an ``mtllib`` statement refers to, and its names that match no file.

        A statement contains one name, which may contain blanks, or several names.
        """
        for spelling in _spellings(text):
            if (whole := self.find_relative(spelling)) is not None:
                return [whole], []
        found = {name: self.find_named(name) for name in LIBRARY_NAME.findall(COMMENT.sub("", text))}
        return [path for path in found.values() if path is not None], [name for name in found if found[name] is None]

    def find_relative(self, name: str, folder: Path | None = None) -> Path | None:
        """The file with this path below ``folder``, or None.

        Letter case and Unicode composition are ignored where only one file matches.

        Args:
            name: Path with slashes; an absolute path or one that leaves the model's folder matches nothing.
            folder: Folder to which the path is relative; the model's folder by default.
        """
        if not name or name.startswith("/") or DRIVE_LETTER.match(name):
            return None
        start = (folder or self.folder).relative_to(self.folder)
        path = self.folder
        for part in PurePosixPath(posixpath.normpath(posixpath.join(start.as_posix(), name))).parts:
            if part == ".." or (entry := self._entry(path, part)) is None:
                return None
            path = path / entry
        return path if self._contains(path) and path.is_file() else None

    def _entry(self, folder: Path, name: str) -> str | None:
        """Name of a folder's entry in its actual spelling; None if no entry or several entries match."""
        if os.path.lexists(folder / name):
            return name
        if folder not in self._listings:
            names: list[str] = []
            with suppress(OSError):  # a file, or a folder that may not be read
                names = [path.name for path in folder.iterdir()] if self._contains(folder) else []
            self._listings[folder] = NameIndex((entry, entry) for entry in names)
        return self._listings[folder].find(name)

    def _contains(self, path: Path) -> bool:
        try:
            return self._confinement.admits(path)
        except (OSError, RuntimeError):
            return False


def without_comment(text: str) -> str:
    """A name without a comment after it. Names may contain ``#``, so this is tried only after the full name."""
    return COMMENT.sub("", text).strip()


def _spellings(text: str) -> Iterator[str]:
    """The names that a text may stand for, with slashes; one with percent signs may be the path of a URL."""
    for name in dict.fromkeys([text.strip(), without_comment(text)]):
        quoted = len(name) > 2 and name[0] == name[-1] and name[0] in "\"'"
        for spelling in (name, name[1:-1].strip()) if quoted else (name,):
            yield from dict.fromkeys(one.replace("\\", "/") for one in (spelling, unquote(spelling)))


def _ends(name: str) -> Iterator[str]:
    """The path without its first folders: ``textures/wood.png`` and ``wood.png`` of ``C:/chair/textures/wood.png``."""
    parts = PurePosixPath(name).parts[1:][-MAX_END_PARTS:]
    for start in range(len(parts)):
        yield "/".join(parts[start:])
