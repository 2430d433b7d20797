"""Read the elements of a PLY file, text or binary, with every count checked before use.

trimesh reads PLY too, but not binary files whose lists differ in length, which Blender and MeshLab write for meshes of
triangles and quads.
"""

import struct
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int, Num, UInt8

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
STRUCT_CODES = {"i1": "b", "u1": "B", "i2": "h", "u2": "H", "i4": "i", "u4": "I", "f4": "f", "f8": "d"}


@dataclass(frozen=True)
class PlyProperty:
    """A number per row, or a list of numbers per row if ``length_type`` is not ``None``."""

    name: str
    type: str
    length_type: str | None = None


@dataclass(frozen=True)
class PlyElement:
    """Rows with the same properties, such as vertices or faces."""

    name: str
    count: int
    properties: tuple[PlyProperty, ...]

    def type_of(self, name: str) -> np.dtype:
        """Type of a property as the header declares it."""
        return np.dtype(next(one.type for one in self.properties if one.name == name))


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
    elements: dict[str, PlyElement] = {}
    encoding, texture = "", None
    for line in decode_text(text).splitlines():
        words = line.split()
        if words[:1] == ["format"] and len(words) > 1:
            encoding = words[1].lower()
        elif words[:1] == ["element"]:
            element = _parse_element(words)
            elements[element.name] = element
        elif words[:1] == ["property"]:
            last = next(reversed(elements), None)
            if last is None:
                raise ModelError(f"expected an element before {line.strip()!r}")
            known = elements[last]
            elements[last] = PlyElement(known.name, known.count, (*known.properties, _parse_property(words)))
        elif [word.lower() for word in words[:2]] == ["comment", "texturefile"]:
            texture = line.split(maxsplit=2)[2].strip() if len(words) > 2 else None
    if encoding not in FORMATS:
        raise ModelError(f"expected a format of {', '.join(FORMATS)}, got {encoding[:80]!r}")
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
    order = BYTE_ORDERS.get(header.format)
    if order is None:
        body = _parse_numbers(body)
    position, columns = 0, {}
    for element in header.elements.values():
        fields = [_field(one, order) for one in element.properties]
        columns[element.name], position = _read_element(body, position, element, fields)
    if body[position:].strip(b"\0 \t\r\n"):
        raise ModelError(f"{len(body) - position} bytes are left after the elements of the header")
    return columns


@dataclass(frozen=True)
class _Field:
    """A property as it is stored."""

    name: str
    dtype: np.dtype
    length_dtype: np.dtype | None


def _field(one: PlyProperty, byte_order: str | None) -> _Field:
    """The stored form of a property; the numbers of a text file have been parsed to one type."""
    stored, stored_length = (
        None if declared is None else np.dtype(TEXT_TYPE if byte_order is None else byte_order + declared)
        for declared in (one.type, one.length_type)
    )
    assert stored is not None
    return _Field(one.name, stored, stored_length)


def _parse_element(words: Sequence[str]) -> PlyElement:
    if len(words) != 3 or not words[2].isdecimal():
        raise ModelError(f"expected an element with a name and a count, got {' '.join(words)[:80]!r}")
    return PlyElement(words[1], int(words[2]), ())


def _parse_property(words: Sequence[str]) -> PlyProperty:
    name, types = words[-1], words[1:-1]
    expected = 1
    if types[:1] == ["list"]:
        types, expected = types[1:], 2
    if len(types) != expected or not set(types) <= TYPES.keys():
        raise ModelError(f"expected a property with known types, got {' '.join(words)[:80]!r}")
    return PlyProperty(name, TYPES[types[-1]], TYPES[types[0]] if len(types) == 2 else None)


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


def _read_element(body: bytes, position: int, element: PlyElement, fields: Sequence[_Field]) -> tuple[Columns, int]:
    """Columns of an element that starts at a position, and its end."""
    if element.count == 0 or not fields:
        return {field.name: _empty(field) for field in fields}, position
    row = _first_row(body, position, fields)
    end = position + element.count * row.itemsize
    if end <= len(body):
        rows = np.frombuffer(body, row, element.count, position)
        if all((rows[name] == rows[name][0]).all() for name in row.names or () if name.startswith("length")):
            return {field.name: _column(rows, index, field) for index, field in enumerate(fields)}, end
    elif all(field.length_dtype is None for field in fields):
        raise _truncated(element)
    return _read_ragged(body, position, element, fields)


def _empty(field: _Field) -> Num[np.ndarray, "n"] | PlyLists:
    values = np.empty(0, field.dtype)
    return values if field.length_dtype is None else PlyLists(np.empty(0, dtype=np.int64), values)


def _first_row(body: bytes, position: int, fields: Sequence[_Field]) -> np.dtype:
    """Type of a row whose lists are as long as those of the first row."""
    parts: list[tuple] = []
    for index, field in enumerate(fields):
        if field.length_dtype is None:
            parts.append((f"value{index}", field.dtype))
        else:
            length = _length(body, position + np.dtype(parts).itemsize, field)
            parts += [(f"length{index}", field.length_dtype), (f"value{index}", field.dtype, (length,))]
    return np.dtype(parts)


def _column(rows: np.ndarray, index: int, field: _Field) -> Num[np.ndarray, "n"] | PlyLists:
    values = rows[f"value{index}"]
    if field.length_dtype is None:
        return values
    return PlyLists(rows[f"length{index}"].astype(np.int64), values.reshape(-1))


def _read_ragged(body: bytes, position: int, element: PlyElement, fields: Sequence[_Field]) -> tuple[Columns, int]:
    """Columns of an element whose lists differ in length."""
    starts: list[list[int]] = [[] for _ in fields]
    lengths: list[list[int]] = [[] for _ in fields]
    for _ in range(element.count):
        for index, field in enumerate(fields):
            length = 1
            if field.length_dtype is not None:
                length = _length(body, position, field)
                position += field.length_dtype.itemsize
            starts[index].append(position)
            lengths[index].append(length)
            position += length * field.dtype.itemsize
        if position > len(body):
            raise _truncated(element)
    content = np.frombuffer(body, np.uint8)
    columns: Columns = {}
    for field, field_starts, field_lengths in zip(fields, starts, lengths, strict=True):
        counts = np.array(field_lengths, dtype=np.int64)
        values = _gather(content, np.array(field_starts, dtype=np.int64), counts, field.dtype)
        columns[field.name] = values if field.length_dtype is None else PlyLists(counts, values)
    return columns, position


def _gather(
    content: UInt8[np.ndarray, "b"], starts: Int[np.ndarray, "n"], lengths: Int[np.ndarray, "n"], dtype: np.dtype
) -> Num[np.ndarray, "k"]:
    """Values of lists that start at these bytes."""
    rank = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    first_bytes = np.repeat(starts, lengths) + rank * dtype.itemsize
    return content[first_bytes[:, None] + np.arange(dtype.itemsize)].view(dtype).reshape(-1)


def _length(body: bytes, position: int, field: _Field) -> int:
    """Length of the list that is stored at a position."""
    assert field.length_dtype is not None
    order = ">" if field.length_dtype.str.startswith(">") else "<"
    try:
        (length,) = struct.unpack_from(order + STRUCT_CODES[field.length_dtype.str[1:]], body, position)
    except struct.error as error:
        raise ModelError("the file is truncated in a list") from error
    if not 0 <= length * field.dtype.itemsize <= len(body) or length != int(length):
        raise ModelError(f"expected a list that fits in the file, got a length of {length}")
    return int(length)


def _truncated(element: PlyElement) -> ModelError:
    return ModelError(f"the file is truncated: expected {element.count} rows of {element.name}")
