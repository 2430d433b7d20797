"""Wavefront OBJ files made by others to :class:`~shelfnet.geometry.meshes.Mesh`.

The reader takes positions and faces and nothing else, in one pass and in compact arrays. It is strict: a file with one
broken vertex or face is refused as a whole, since a repaired shape would count as truth in the evaluation.
"""

import stat
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from shelfnet.data.polygons import triangulate
from shelfnet.geometry.meshes import Mesh

MAX_OBJ_BYTES = 512 * 1024**2
MIN_EXTENT, MAX_EXTENT = 1e-6, 1e7
"""Longest sides, in the file's unit, that single-precision readers keep a shape at."""
MAX_COORDINATE = 1e9


class ModelError(ValueError):
    """A model cannot be used; the message says why."""


def load_obj(path: Path, max_faces: int) -> Mesh:
    """The triangles of an OBJ file, polygons cut into triangles, in the file's own frame and unit.

    Args:
        path: a regular file; links are refused.
        max_faces: largest number of triangles (and a quarter of the largest number of vertices).

    Raises:
        ModelError: not there, too large, no text, no faces, a broken vertex or face, or a shape without area.
    """
    require_regular_file(path, MAX_OBJ_BYTES)
    parser = _Parser(max_faces)
    try:
        with path.open(encoding="latin-1", newline=None) as lines:
            parser.parse(lines)
        return _checked(parser.mesh())
    except OSError as error:
        raise ModelError(f"{path.name}: {error.strerror}") from error
    except ModelError as error:
        raise ModelError(f"{path.name}: {error}") from None


def require_regular_file(path: Path, max_bytes: int) -> None:
    """Refuse what is absent, a link, a folder or a device, and what is too large.

    Raises:
        ModelError: it is one of these.
    """
    try:
        status = path.lstat()
    except (OSError, ValueError) as error:
        reason = "is not there" if isinstance(error, FileNotFoundError) else f"cannot be reached ({error})"
        raise ModelError(f"{path.name} {reason}") from error
    if not stat.S_ISREG(status.st_mode):
        raise ModelError(f"{path.name}: expected a regular file, got a {_kind(status.st_mode)}")
    if status.st_size > max_bytes:
        raise ModelError(f"{path.name}: expected at most {max_bytes} bytes, got {status.st_size}")


def _statements(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Line numbers and statements of an OBJ or MTL file read as Latin-1.

    The byte order mark of UTF-8 is taken off, as is white space at both ends; a line that ends in a backslash is joined
    with the next one.
    """
    pending = ""
    number = 0
    for number, line in enumerate(lines, start=1):
        text = (line.removeprefix("\xef\xbb\xbf") if number == 1 else line).strip()
        if text.endswith("\\"):
            pending += text[:-1] + " "
            continue
        yield number, pending + text
        pending = ""
    if pending:
        yield number, pending


class _Parser:
    """Vertices and faces of one file as flat arrays: 8 bytes a number instead of an object."""

    def __init__(self, max_faces: int) -> None:
        self._max_faces = max_faces
        self._positions = array("d")
        self._corners = array("q")
        self._sizes = array("q")
        self._n_triangles = 0

    def parse(self, lines: Iterable[str]) -> None:
        for number, line in _statements(lines):
            try:
                self._statement(line)
            except (ValueError, OverflowError) as error:
                raise ModelError(f"line {number}: {error}") from None

    def mesh(self) -> Mesh:
        vertices = np.array(self._positions).reshape(-1, 3)
        corners, sizes = (np.array(numbers, dtype=np.int64) for numbers in (self._corners, self._sizes))
        if len(sizes) == 0:
            raise ModelError(f"expected faces, got none ({len(vertices)} vertices)")
        if corners.max() >= len(vertices):
            raise ModelError(f"a face names vertex {corners.max() + 1} of {len(vertices)}")
        broken = np.flatnonzero(~(np.abs(vertices) <= MAX_COORDINATE).all(axis=1))
        if len(broken):
            got = vertices[broken[0]].tolist()
            raise ModelError(f"expected coordinates up to {MAX_COORDINATE:g}, got {got} in vertex {broken[0] + 1}")
        try:
            return Mesh(vertices, triangulate(vertices, corners, sizes))
        except ValueError as error:
            raise ModelError(str(error)) from error

    def _statement(self, line: str) -> None:
        if "\0" in line:
            raise ValueError("expected text, got a NUL byte")
        if line.startswith(("v ", "v\t")):
            self._vertex(line.split())
        elif line.startswith(("f ", "f\t")):
            self._face(line.split())

    def _vertex(self, words: list[str]) -> None:
        if len(words) < 4:
            raise ValueError(f"expected a vertex with three coordinates, got {len(words) - 1}")
        self._positions.extend([float(word) for word in words[1:4]])
        if len(self._positions) > 12 * self._max_faces:
            raise ValueError(f"expected at most {4 * self._max_faces} vertices")

    def _face(self, words: list[str]) -> None:
        if len(words) < 4:
            raise ValueError(f"expected a face with three corners or more, got {len(words) - 1}")
        count = len(self._positions) // 3
        indices = [int(word.partition("/")[0]) for word in words[1:]]
        if 0 in indices:
            raise ValueError("a face names vertex 0, but OBJ counts from 1")
        corners = [index - 1 if index > 0 else count + index for index in indices]
        if min(corners) < 0:
            raise ValueError(f"a face names vertex {min(indices)} of {count}")
        self._corners.extend(corners)
        self._sizes.append(len(corners))
        self._n_triangles += len(corners) - 2
        if self._n_triangles > self._max_faces:
            raise ValueError(f"expected at most {self._max_faces} triangles")


def _checked(mesh: Mesh) -> Mesh:
    used = mesh.vertices[np.unique(mesh.faces)]
    extent = float((used.max(axis=0) - used.min(axis=0)).max())
    if not MIN_EXTENT <= extent <= MAX_EXTENT:
        raise ModelError(f"expected a longest side between {MIN_EXTENT:g} and {MAX_EXTENT:g}, got {extent:g}")
    relative_area = float(mesh.face_areas().sum()) / extent**2
    if not relative_area > 1e-9:
        raise ModelError(f"expected faces with an area, got {relative_area:g} of the longest side squared")
    return mesh


def _kind(mode: int) -> str:
    names = {stat.S_IFLNK: "symbolic link", stat.S_IFDIR: "folder", stat.S_IFIFO: "pipe"}
    return names.get(stat.S_IFMT(mode), "device")
