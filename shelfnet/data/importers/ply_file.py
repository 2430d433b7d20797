"""Read the elements of a PLY file, text or binary, with every count checked before use.

trimesh reads PLY too, but not binary files whose lists differ in length, which Blender and MeshLab write for meshes of
triangles and quads.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Int, Num

from shelfnet.data.obj.parser import decode_text
from shelfnet.data.obj.reader import ModelError

MAX_HEADER_BYTES = 64 * 1024
BYTE_ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">"}
FORMATS = ("ascii", *BYTE_ORDERS)
TYPES = {
    **dict.fromkeys(("char", "int8"), "i1"),
    **dict.fromkeys(("uchar", "uint8"), "u1"),
    **dict.fromkeys(("short", "int16"), "i2"),
    **dict.fromkeys(("ushort", "uint16"), "u2"),
    **dict.fromkeys(("int", "int32"), "i4"),
    **dict.fromkeys(("uint", "uint32"), "u4"),
    **dict.fromkeys(("float", "float32"), "f4"),
    **dict.fromkeys(("double", "float64"), "f8"),
}
TEXT_TYPE = "<f8"
"""Type of all numbers of a text file once they are parsed."""


@dataclass(frozen=True)
class PlyProperty:
    """A number per row, or a list of numbers per row.

    Attributes:
        name: Name of the property.
        declared: Type of the numbers as the header declares it.
        dtype: Type of the numbers as they are stored.
        length_dtype: Type of the stored length of a list, or ``None`` for a number.
    """

    name: str
    declared: np.dtype
    dtype: np.dtype
    length_dtype: np.dtype | None = None


@dataclass(frozen=True)
class PlyElement:
    """Rows with the same properties, such as vertices or faces."""

    name: str
    count: int
    properties: list[PlyProperty] = field(default_factory=list)

    def type_of(self, name: str) -> np.dtype:
        """Type of a property as the header declares it."""
        return next(one.declared for one in self.properties if one.name == name)


@dataclass(frozen=True)
class PlyHeader:
    """Header of a PLY file.

    Attributes:
        format: One of :data:`FORMATS`.
        elements: Elements by name, in the order of the file.
        texture: Name in ``comment TextureFile``.
        n_bytes: Size of the header.
    """

    format: str
    elements: Mapping[str, PlyElement]
    texture: str | None
    n_bytes: int


@dataclass(frozen=True)
class PlyLists:
    """One list per row: the lengths, and all values in order."""

    lengths: Int[np.ndarray, "n"]
    values: Num[np.ndarray, "k"]


Columns = dict[str, Num[np.ndarray, "_"] | PlyLists]
"""Values of an element by property."""


def read_header(path: Path) -> PlyHeader:
    """Read the header of a PLY file.

    Raises:
        ModelError: The file has no valid header.
    """
    with path.open("rb") as stream:
        content = stream.read(MAX_HEADER_BYTES)
    text, found, rest = content.partition(b"end_header")
    if not found or not text[:3].lower() == b"ply":
        raise ModelError("expected a PLY header")
    newline = next(end for end in (b"\r\n", b"\n", b"\r", b"") if text[3:].lstrip(b" \t").startswith(end))
    lines = decode_text(text).splitlines()
    formats = [words[1].lower() for words in map(str.split, lines) if words[:1] == ["format"] and len(words) > 1]
    encoding = formats[-1] if formats else ""
    if encoding not in FORMATS:
        raise ModelError(f"expected a format of {', '.join(FORMATS)}, got {encoding[:80]!r}")
    elements: dict[str, PlyElement] = {}
    texture = None
    for line in lines:
        words = line.split()
        if words[:1] == ["element"]:
            element = _parse_element(words)
            elements[element.name] = element
        elif words[:1] == ["property"]:
            if not elements:
                raise ModelError(f"expected an element before {line.strip()!r}")
            elements[next(reversed(elements))].properties.append(_parse_property(words, BYTE_ORDERS.get(encoding)))
        elif [word.lower() for word in words[:2]] == ["comment", "texturefile"]:
            texture = line.split(maxsplit=2)[2].strip() if len(words) > 2 else None
    gap = len(rest) - len(rest.lstrip(b" \t")) if newline else 0
    return PlyHeader(encoding, elements, texture, len(text) + len(found) + gap + len(newline))


def read_elements(path: Path, header: PlyHeader) -> dict[str, Columns]:
    """Read the properties of all elements.

    Raises:
        ModelError: The file is truncated, has data after the last element, or is not text although its header says so.
    """
    with path.open("rb") as stream:
        stream.seek(header.n_bytes)
        body = stream.read()
    if header.format not in BYTE_ORDERS:
        body = _parse_numbers(body)
    position, columns = 0, {}
    for element in header.elements.values():
        columns[element.name], position = _read_element(body, position, element)
    if body[position:].strip(b"\0 \t\r\n"):
        raise ModelError(f"{len(body) - position} bytes are left after the elements of the header")
    return columns


def _parse_element(words: Sequence[str]) -> PlyElement:
    if len(words) != 3 or not words[2].isdecimal():
        raise ModelError(f"expected an element with a name and a count, got {' '.join(words)[:80]!r}")
    return PlyElement(words[1], int(words[2]))


def _parse_property(words: Sequence[str], byte_order: str | None) -> PlyProperty:
    """A property; the numbers of a text file, which has no byte order, are parsed to one type."""
    name, types = words[-1], words[1:-1]
    expected = 1
    if types[:1] == ["list"]:
        types, expected = types[1:], 2
    if len(types) != expected or not set(types) <= TYPES.keys():
        raise ModelError(f"expected a property with known types, got {' '.join(words)[:80]!r}")
    *length_dtype, dtype = (np.dtype(TEXT_TYPE if byte_order is None else byte_order + TYPES[kind]) for kind in types)
    return PlyProperty(name, np.dtype(TYPES[types[-1]]), dtype, *length_dtype)


def _parse_numbers(body: bytes) -> bytes:
    """All numbers of a text as :data:`TEXT_TYPE`."""
    if not body.strip():
        return b""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # NumPy warns where the text is not a number, and stops
            return np.fromstring(body.decode("ascii"), sep=" ").astype(TEXT_TYPE).tobytes()
    except (UnicodeDecodeError, DeprecationWarning, ValueError) as error:
        raise ModelError("expected numbers after the header") from error


def _read_element(body: bytes, position: int, element: PlyElement) -> tuple[Columns, int]:
    """Columns of an element that starts at a position, and its end."""
    rows = _uniform_rows(body, position, element) if element.count and element.properties else None
    if rows is None:
        return _read_ragged(body, position, element)
    columns = {}
    for index, one in enumerate(element.properties):
        lengths = [] if one.length_dtype is None else rows[f"length{index}"]
        columns[one.name] = _column(one, rows[f"value{index}"].reshape(-1), lengths)
    return columns, position + rows.nbytes


def _uniform_rows(body: bytes, position: int, element: PlyElement) -> np.ndarray | None:
    """Rows of an element whose lists are as long as those of the first row; ``None`` if some are not, or do not fit."""
    parts: list[tuple] = []
    for index, one in enumerate(element.properties):
        if one.length_dtype is None:
            parts.append((f"value{index}", one.dtype))
        else:
            length = _length(body, position + np.dtype(parts).itemsize, one, element)
            parts += [(f"length{index}", one.length_dtype), (f"value{index}", one.dtype, (length,))]
    if position + element.count * np.dtype(parts).itemsize > len(body):
        return None
    rows = np.frombuffer(body, np.dtype(parts), element.count, position)
    lengths = [rows[name] for name, *_ in parts if name.startswith("length")]
    return rows if all((own == own[0]).all() for own in lengths) else None


def _read_ragged(body: bytes, position: int, element: PlyElement) -> tuple[Columns, int]:
    """Columns of an element whose lists differ in length."""
    values = [[np.empty(0, one.dtype)] for one in element.properties]
    lengths: list[list[int]] = [[] for _ in element.properties]
    for _ in range(element.count):
        for one, own_values, own_lengths in zip(element.properties, values, lengths, strict=True):
            length = 1
            if one.length_dtype is not None:
                length = _length(body, position, one, element)
                position += one.length_dtype.itemsize
            own_values.append(_numbers(body, position, one.dtype, length, element))
            own_lengths.append(length)
            position += length * one.dtype.itemsize
    columns = zip(element.properties, values, lengths, strict=True)
    return {one.name: _column(one, np.concatenate(own), counts) for one, own, counts in columns}, position


def _column(
    one: PlyProperty, values: Num[np.ndarray, "k"], lengths: Sequence[int] | np.ndarray
) -> Num[np.ndarray, "k"] | PlyLists:
    return values if one.length_dtype is None else PlyLists(np.array(lengths, dtype=np.int64), values)


def _length(body: bytes, position: int, one: PlyProperty, element: PlyElement) -> int:
    """Length of the list that is stored at a position."""
    assert one.length_dtype is not None
    length = _numbers(body, position, one.length_dtype, 1, element).item()
    if not 0 <= length * one.dtype.itemsize <= len(body) or length != int(length):
        raise ModelError(f"expected a list that fits in the file, got a length of {length}")
    return int(length)


def _numbers(body: bytes, position: int, dtype: np.dtype, count: int, element: PlyElement) -> Num[np.ndarray, "k"]:
    try:
        return np.frombuffer(body, dtype, count, position)
    except ValueError as error:
        raise ModelError(f"the file is truncated: expected {element.count} rows of {element.name}") from error
