"""Items found by the names that people give them in tables, in lists, and in the names of files that belong to them."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Generic, TypeVar

from shelfnet.data.file_names import folded_name

ELSEWHERE = re.compile(r"/|[A-Za-z]:/|\.\./")
"""Start of a path that is not below the root: absolute, or relative to another folder."""

Item = TypeVar("Item")


class NameIndex(Generic[Item]):
    """Items by name. An exact name takes precedence over one in another letter case or Unicode composition.

    Args:
        named: Names with their items; several items may have the same name.
    """

    def __init__(self, named: Iterable[tuple[str, Item]]) -> None:
        self._exact: dict[str, list[Item]] = defaultdict(list)
        self._folded: dict[str, list[Item]] = defaultdict(list)
        for name, item in named:
            self._exact[name].append(item)
            self._folded[folded_name(name)].append(item)

    def matches(self, name: str) -> list[Item]:
        """The items of this exact name, else those of a similar name, in the given order."""
        return self._exact.get(name) or self._folded.get(folded_name(name)) or []

    def find(self, name: str) -> Item | None:
        """The only match, or ``None``."""
        matches = self.matches(name)
        return matches[0] if len(matches) == 1 else None


class PathIndex:
    """Files by the paths that people write.

    A file is named by its path below the root, or by any end of it, such as the file name, with or without suffix. The
    most complete kind of name with a match decides; it must match a single file. An absolute path, written on another
    computer, and a path relative to another folder are tried without their first folders.

    Args:
        files: Paths below the root, with slashes.
    """

    def __init__(self, files: Iterable[str]) -> None:
        paths = {file: PurePosixPath(file) for file in files}
        ends = {file: [PurePosixPath(*path.parts[n:]) for n in range(len(path.parts))] for file, path in paths.items()}
        self._indices = (
            NameIndex((file, file) for file in paths),
            NameIndex((str(path.with_suffix("")), file) for file, path in paths.items()),
            NameIndex((str(end), file) for file in paths for end in ends[file]),
            NameIndex((str(end.with_suffix("")), file) for file in paths for end in ends[file]),
        )

    def find(self, name: str) -> str | None:
        """The single file that a name refers to, or ``None``; slashes may be backslashes."""
        for spelling in _spellings(name):
            for index in self._indices:
                if index.matches(spelling):
                    return index.find(spelling)
        return None


def _spellings(name: str) -> Iterator[str]:
    """A path with slashes; one that starts elsewhere also without its first folders, one by one."""
    path = name.strip().replace("\\", "/").removeprefix("./")
    yield path
    if ELSEWHERE.match(path):
        parts = path.split("/")
        yield from ("/".join(parts[n:]) for n in range(1, len(parts)) if parts[n])
