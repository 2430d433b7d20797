"""The parser of Wavefront OBJ used by both the evaluation and the renderers, so that they see the same geometry.

Positions and faces are parsed strictly: one broken vertex or face refuses the whole file, since a repaired shape would
count as ground truth. Appearance is parsed leniently: a face keeps its texture coordinates or normals only if all its
corners have valid ones. Lines, points, curves and groups are skipped.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int

from shelfnet.data.obj.polygons import triangulate

NONE = -1
"""Index of a missing material, texture coordinate or normal."""
NAME_KEYWORDS = ("usemtl", "mtllib")
"""Keywords of statements with a name, which may contain the character that starts a comment elsewhere."""
FACE_ATTRIBUTES = ("faces", "face_textures", "face_normals", "face_materials", "smooth", "polygons")
"""Fields of a model with one row per face."""


@dataclass(frozen=True)
class ObjModel:
    """Triangulated geometry of an OBJ file with its attributes.

    Attributes:
        vertices: Positions in the file's frame and unit.
        faces: Vertex index of each corner.
        colours: Vertex colours as scaled in the file; empty unless every vertex has one.
        texture_points: Texture coordinates; zero if not finite in the file.
        face_textures: Texture coordinate index of each corner; ``NONE`` for all three corners or for none.
        normals: Normals as in the file, not normalised; those used by faces are not zero.
        face_normals: Normal index of each corner; ``NONE`` for all three corners or for none.
        face_materials: Index into ``materials``, or ``NONE``.
        smooth: Whether the face is in a smoothing group.
        polygons: Index of the polygon in the file that contains the triangle.
        materials: Material names in the order of their first ``usemtl``.
        libraries: The ``mtllib`` statements without the keyword; one may contain several names.
    """

    vertices: Float[np.ndarray, "v 3"]
    faces: Int[np.ndarray, "f 3"]
    colours: Float[np.ndarray, "c 3"]
    texture_points: Float[np.ndarray, "t 2"]
    face_textures: Int[np.ndarray, "f 3"]
    normals: Float[np.ndarray, "n 3"]
    face_normals: Int[np.ndarray, "f 3"]
    face_materials: Int[np.ndarray, "f"]
    smooth: Bool[np.ndarray, "f"]
    polygons: Int[np.ndarray, "f"]
    materials: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()

    def with_faces(self, chosen: Bool[np.ndarray, "f"]) -> "ObjModel":
        """The model with some of its faces; vertices are kept."""
        return replace(self, **{name: getattr(self, name)[chosen] for name in FACE_ATTRIBUTES})


def parse_obj(lines: Iterable[str], max_faces: int, max_coordinate: float) -> ObjModel:
    """Parse the statements of an OBJ file.

    Args:
        lines: Lines of the file decoded as Latin-1, which preserves every byte, with any line ending.
        max_faces: Maximum number of triangles, and a quarter of the maximum number of vertices.
        max_coordinate: Maximum absolute value of a coordinate.

    Raises:
        ValueError: The file has a broken vertex or face, too many of them, or no faces; the message names the line.
    """
    parser = _Parser(max_faces, max_coordinate)
    for number, line in _statements(lines):
        try:
            if "\0" in line:
                raise ValueError("expected text, got a NUL byte")
            words = line.split()
            if words and (read := parser.readers.get(words[0])):
                read(words, line)
        except (ValueError, OverflowError) as error:
            raise ValueError(f"line {number}: {error}") from None
    return parser.model()


def decode_text(content: bytes) -> str:
    """Text of a file of unknown encoding: UTF-8, or else Latin-1, which accepts every byte."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _statements(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Line numbers and stripped statements without comments; a backslash joins a line with the next one."""
    pending = ""
    number = 0
    for number, line in enumerate(lines, start=1):
        text = (line.removeprefix("\xef\xbb\xbf") if number == 1 else line).strip()
        if "#" in text and "\0" not in text and not (pending or text).startswith(NAME_KEYWORDS):
            text = text.partition("#")[0].rstrip()
        if text.endswith("\\"):
            pending += text[:-1] + " "
            continue
        yield number, pending + text
        pending = ""
    if pending:
        yield number, pending


class _Parser:
    """Statements collected in flat arrays, which take 8 bytes per number instead of a Python object.

    Attributes:
        readers: Method by keyword that parses the words and the line of a statement; other keywords are skipped.
    """

    def __init__(self, max_faces: int, max_coordinate: float) -> None:
        self._max_faces = max_faces
        self._max_coordinate = max_coordinate
        self._positions, self._colours = array("d"), array("d")
        self._texture_points, self._normals = array("d"), array("d")
        self._corners, self._corner_textures, self._corner_normals = array("q"), array("q"), array("q")
        self._sizes, self._face_materials, self._smooth = array("q"), array("q"), array("q")
        self._n_triangles = 0
        self._material = NONE
        self._materials: dict[str, int] = {}
        self._libraries: list[str] = []
        self._is_smooth = False
        self.readers = {
            "v": self._vertex,
            "f": self._face,
            "vt": self._texture_point,
            "vn": self._normal,
            "usemtl": self._use_material,
            "mtllib": self._library,
            "s": self._smoothing,
        }

    def _vertex(self, words: Sequence[str], line: str) -> None:
        if len(words) < 4:
            raise ValueError(f"expected a vertex with three coordinates, got {len(words) - 1}")
        if "_" in line:  # Python accepts underscores between digits
            raise ValueError(f"expected numbers, got {line[:80]!r}")
        self._positions.extend([float(word) for word in words[1:4]])
        if len(self._positions) > 12 * self._max_faces:
            raise ValueError(f"expected at most {4 * self._max_faces} vertices")
        if len(words) >= 7:
            self._colours.extend(_numbers(words[-3:], 3))

    def _face(self, words: Sequence[str], line: str) -> None:
        if len(words) < 4:
            raise ValueError(f"expected a face with three corners or more, got {len(words) - 1}")
        if "_" in line:
            raise ValueError(f"expected vertex numbers, got {line[:80]!r}")
        references = [word.split("/") for word in words[1:]]
        indices = [int(reference[0]) for reference in references]
        if 0 in indices:
            raise ValueError("a face names vertex 0, but OBJ counts from 1")
        count = len(self._positions) // 3
        corners = [index - 1 if index > 0 else count + index for index in indices]
        if min(corners) < 0:
            raise ValueError(f"a face names vertex {min(indices)} of {count}")
        self._corners.extend(corners)
        self._corner_textures.extend(_optional(references, 1, len(self._texture_points) // 2))
        self._corner_normals.extend(_optional(references, 2, len(self._normals) // 3))
        self._sizes.append(len(corners))
        self._face_materials.append(self._material)
        self._smooth.append(self._is_smooth)
        self._n_triangles += len(corners) - 2
        if self._n_triangles > self._max_faces:
            raise ValueError(f"expected at most {self._max_faces} triangles")

    def _texture_point(self, words: Sequence[str], line: str) -> None:
        self._texture_points.extend(_numbers([*words[1:3], "0"][:2], 2))

    def _normal(self, words: Sequence[str], line: str) -> None:
        self._normals.extend(_numbers(words[1:4], 3))

    def _use_material(self, words: Sequence[str], line: str) -> None:
        self._material = self._materials.setdefault(_name(line), len(self._materials))

    def _library(self, words: Sequence[str], line: str) -> None:
        self._libraries.append(_name(line))

    def _smoothing(self, words: Sequence[str], line: str) -> None:
        self._is_smooth = words[-1] not in ("s", "off", "0")

    def model(self) -> ObjModel:
        vertices, normals = (np.array(numbers).reshape(-1, 3) for numbers in (self._positions, self._normals))
        corners, sizes = _integers(self._corners), _integers(self._sizes)
        if len(sizes) == 0:
            raise ValueError(f"expected faces, got none ({len(vertices)} vertices)")
        if corners.max() >= len(vertices):
            raise ValueError(f"a face names vertex {int(corners.max()) + 1} of {len(vertices)}")
        self._check_coordinates(vertices)
        # Triangulate corner indices, since texture coordinates and normals belong to corners.
        triangles = triangulate(vertices[corners], np.arange(len(corners)), sizes)
        polygons = np.repeat(np.arange(len(sizes)), sizes)[triangles[:, 0]]
        used = np.linalg.norm(normals, axis=1) > 0.0
        colours = np.array(self._colours).reshape(-1, 3)
        return ObjModel(
            vertices=vertices,
            faces=corners[triangles],
            colours=colours if len(colours) == len(vertices) else colours[:0],
            texture_points=np.array(self._texture_points).reshape(-1, 2),
            face_textures=_known(self._corner_textures, sizes, np.ones(len(self._texture_points) // 2, bool))[
                triangles
            ],
            normals=normals,
            face_normals=_known(self._corner_normals, sizes, used)[triangles],
            face_materials=_integers(self._face_materials)[polygons],
            smooth=_integers(self._smooth)[polygons] > 0,
            polygons=polygons,
            materials=tuple(self._materials),
            libraries=tuple(self._libraries),
        )

    def _check_coordinates(self, vertices: Float[np.ndarray, "v 3"]) -> None:
        broken = np.flatnonzero(~(np.abs(vertices) <= self._max_coordinate).all(axis=1))
        if len(broken):
            got, limit = vertices[broken[0]].tolist(), self._max_coordinate
            raise ValueError(f"expected coordinates up to {limit:g}, got {got} in vertex {broken[0] + 1}")


def _known(corners: array, sizes: Int[np.ndarray, "p"], exists: Bool[np.ndarray, "k"]) -> Int[np.ndarray, "c"]:
    """Indices of corners; ``NONE`` for all corners of a polygon if one of them does not exist."""
    indices = _integers(corners)
    valid = (indices >= 0) & (indices < len(exists))
    valid[valid] = exists[indices[valid]]
    whole = np.logical_and.reduceat(valid, np.cumsum(sizes) - sizes)
    return np.where(np.repeat(whole, sizes), indices, NONE)


def _numbers(words: Sequence[str], count: int) -> list[float]:
    """The words as ``count`` numbers; all zero if some are missing or not finite in single precision."""
    try:
        numbers = [float(word) for word in words if "_" not in word]
    except ValueError:
        numbers = []
    valid = len(numbers) == count and all(-1e30 < number < 1e30 for number in numbers)
    return numbers if valid else [0.0] * count


def _optional(references: Sequence[Sequence[str]], place: int, count: int) -> list[int]:
    """Texture coordinates (place 1) or normals (2) of a face's corners; all ``NONE`` if one is missing."""
    try:
        indices = [int(reference[place]) for reference in references]
    except (IndexError, ValueError):
        return [NONE] * len(references)
    from_zero = [index - 1 if index > 0 else count + index for index in indices]
    return from_zero if 0 not in indices and max(indices) < 2**62 and min(from_zero) >= 0 else [NONE] * len(references)


def _name(line: str) -> str:
    """The rest of a line after its keyword."""
    return decode_text((line.split(maxsplit=1)[1:] or [""])[0].encode("latin-1")).strip()


def _integers(numbers: array) -> Int[np.ndarray, "k"]:
    return np.array(numbers, dtype=np.int64)
