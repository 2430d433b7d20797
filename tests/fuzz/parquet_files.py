"""Parquet files with damaged structure: the Thrift of the footer and of page headers, lengths, pages, dictionaries."""

import io
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow.parquet as pq

from tests.fuzz.mutations import BYTES, mutate

MAGIC = b"PAR1"
TAIL_BYTES = 8
"""Length of the footer and magic number at the end of a file."""

INTEGERS = (0, 1, -1, 2, 7, 127, 128, 255, 2**15, 2**31 - 1, -(2**31), 2**31, 2**32, 2**40, 2**63 - 1, -(2**63))
LENGTHS = (0, 1, 5, 127, 2**14, 2**31 - 1, 2**32 - 1, 2**63)

BINARY, LIST, SET, MAP, STRUCT = 8, 9, 10, 11, 12
"""Types of the compact protocol; 1 and 2 are Booleans, 3 a byte, 4 to 6 integers, 7 a double."""

WRITERS = (
    {"compression": "zstd"},
    {"compression": "none"},
    {"compression": "snappy", "data_page_version": "2.0"},
    {"compression": "gzip", "use_dictionary": False},
    {"compression": "none", "write_page_index": True, "write_page_checksum": True, "row_group_size": 2},
    {"compression": "lz4", "use_dictionary": False, "data_page_version": "2.0", "data_page_size": 1},
)
"""Options under which a table is written anew, so that all encodings of pages occur."""


def rewritten(content: bytes) -> list[bytes]:
    """The same table as several writers store it."""
    table = pq.read_table(io.BytesIO(content))
    files = [content]
    for options in WRITERS:
        stream = io.BytesIO()
        pq.write_table(table, stream, **options)
        files.append(stream.getvalue())
    return files


def damage_parquet(content: bytes, generator: np.random.Generator) -> bytes:
    """One to three changes to the structure of a Parquet file."""
    for _ in range(int(generator.choice([1, 1, 1, 2, 3]))):
        if _footer_start(content) is None:
            return mutate(content, BYTES, generator)
        content = CHANGES[int(generator.integers(len(CHANGES)))](content, generator)
    return content


def change_footer_value(content: bytes, generator: np.random.Generator) -> bytes:
    """Another value of a field of the footer; the length of the footer fits again."""
    start = _start(content)
    return _with_footer(content, _change_value(content[start:-TAIL_BYTES], generator))


def change_footer_bytes(content: bytes, generator: np.random.Generator) -> bytes:
    """Damaged bytes of the footer, whose length fits again."""
    start = _start(content)
    return _with_footer(content, mutate(content[start:-TAIL_BYTES], BYTES, generator))


def change_footer_length(content: bytes, generator: np.random.Generator) -> bytes:
    length = len(content) - TAIL_BYTES - _start(content)
    others = [length + step for step in (-9, -1, 1, 9)] + list(LENGTHS) + [len(content), len(content) - 12]
    other = others[int(generator.integers(len(others)))] % 2**32
    return content[:-TAIL_BYTES] + struct.pack("<I", other) + content[-4:]


def change_page_header(content: bytes, generator: np.random.Generator) -> bytes:
    """Another value of a field of a page header: types, sizes, encodings, numbers of values."""
    place = _page(content, generator)
    values = list(_values(content[place : _start(content)]))
    if not values:
        return _flip_near(content, place, 30, generator)
    value = values[int(generator.integers(len(values)))]
    changed = _changed(content[place + value.start : place + value.end], value, generator)
    if generator.random() < 0.5:  # of the same length, so that later pages stay in place
        changed = changed[: value.end - value.start].ljust(value.end - value.start, b"\0")
    return content[: place + value.start] + changed + content[place + value.end :]


def change_page(content: bytes, generator: np.random.Generator) -> bytes:
    """Damaged bytes near the beginning of a page: levels, bit widths, dictionary indices, lengths of texts."""
    return _flip_near(content, _page(content, generator), 120, generator)


def cut_data(content: bytes, generator: np.random.Generator) -> bytes:
    """A whole footer after truncated, repeated or moved data."""
    start = _start(content)
    data, footer = content[:start], content[start:]
    place = int(generator.integers(4, max(start, 5)))
    end = min(start, place + int(generator.integers(1, 200)))
    forms = (data[:place], data[:place] + data[end:], data[:end] + data[place:], MAGIC, MAGIC + data[place:])
    return forms[int(generator.integers(len(forms)))] + footer


CHANGES: tuple[Callable[[bytes, np.random.Generator], bytes], ...] = (
    change_footer_value,
    change_footer_value,
    change_footer_value,
    change_footer_bytes,
    change_footer_length,
    change_page_header,
    change_page_header,
    change_page,
    change_page,
    cut_data,
)


@dataclass(frozen=True)
class _Value:
    """Place of a value in a Thrift message, and its type; ``length`` is that of a text or a list."""

    start: int
    end: int
    kind: int


def _values(message: bytes) -> Iterator[_Value]:
    """Values of a Thrift struct in the compact protocol, as far as it can be read."""
    try:
        yield from _struct_values(message, [0])
    except (IndexError, RecursionError):
        return


def _struct_values(message: bytes, place: list[int]) -> Iterator[_Value]:
    while True:
        header = message[place[0]]
        yield _Value(place[0], place[0] + 1, 0)
        place[0] += 1
        kind = header & 15
        if kind == 0:
            return
        if header >> 4 == 0:
            yield _varint_value(message, place)
        yield from _value(message, place, kind)


def _value(message: bytes, place: list[int], kind: int) -> Iterator[_Value]:
    if kind in (1, 2):
        return
    if kind == 3:
        yield _Value(place[0], place[0] + 1, kind)
        place[0] += 1
    elif kind in (4, 5, 6):
        yield _varint_value(message, place)
    elif kind == 7:
        yield _Value(place[0], place[0] + 8, kind)
        place[0] += 8
    elif kind == BINARY:
        begin = place[0]
        length = _varint(message, place)
        place[0] += length
        yield _Value(begin, place[0], kind)
    elif kind in (LIST, SET):
        begin = place[0]
        header = message[begin]
        place[0] += 1
        size = header >> 4
        if size == 15:
            size = _varint(message, place)
        yield _Value(begin, place[0], LIST)
        for _ in range(size):
            yield from _value(message, place, 3 if header & 15 in (1, 2) else header & 15)
    elif kind == STRUCT:
        yield from _struct_values(message, place)
    else:
        raise IndexError(f"no value of type {kind} occurs in Parquet")


def _varint_value(message: bytes, place: list[int]) -> _Value:
    begin = place[0]
    _varint(message, place)
    return _Value(begin, place[0], 6)


def _varint(message: bytes, place: list[int]) -> int:
    number, shift = 0, 0
    while True:
        byte = message[place[0]]
        place[0] += 1
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128 or shift > 70:
            return number


def _encoded(number: int) -> bytes:
    encoded = bytearray()
    while number > 127:
        encoded.append(number & 127 | 128)
        number >>= 7
    return bytes([*encoded, number])


def _zigzag(number: int) -> bytes:
    return _encoded((number << 1 ^ number >> 63) % 2**64)


def _change_value(message: bytes, generator: np.random.Generator) -> bytes:
    values = list(_values(message))
    if not values:
        return mutate(message, BYTES, generator)
    value = values[int(generator.integers(len(values)))]
    return message[: value.start] + _changed(message[value.start : value.end], value, generator) + message[value.end :]


def _changed(encoded: bytes, value: _Value, generator: np.random.Generator) -> bytes:
    """Another value of the same type, or a damaged one."""
    if value.kind == 6:
        small = [int(generator.integers(40)) for _ in range(8)]
        return _zigzag((*INTEGERS, *small)[int(generator.integers(len(INTEGERS) + 8))])
    if value.kind == BINARY:
        content = encoded[1:]
        forms = (
            _encoded(LENGTHS[int(generator.integers(len(LENGTHS)))]) + content,
            _encoded(len(content)) + b"\xe9\xff\x00"[: len(content)].ljust(len(content), b"x"),
            _encoded(len(content)) + mutate(content, BYTES[:2], generator)[: len(content)],
            b"\0",
        )
        return forms[int(generator.integers(len(forms)))]
    if value.kind == LIST:
        size, element = int(generator.integers(16)), int(generator.integers(13))
        longer = bytes([15 << 4 | encoded[0] & 15]) + _encoded(LENGTHS[int(generator.integers(len(LENGTHS)))])
        forms = (bytes([size << 4 | encoded[0] & 15]), bytes([encoded[0] & 240 | element]), longer)
        return forms[int(generator.integers(len(forms)))]
    return bytes(byte ^ 1 << int(generator.integers(8)) for byte in encoded)


def _footer_start(content: bytes) -> int | None:
    """Offset of the footer; ``None`` if the end of the file does not say."""
    if len(content) < 12 or content[-4:] != MAGIC:
        return None
    start = len(content) - TAIL_BYTES - struct.unpack("<I", content[-TAIL_BYTES:-4])[0]
    return start if 4 <= start < len(content) - TAIL_BYTES else None


def _start(content: bytes) -> int:
    start = _footer_start(content)
    assert start is not None
    return start


def _with_footer(content: bytes, footer: bytes) -> bytes:
    return content[: _start(content)] + footer + struct.pack("<I", len(footer)) + MAGIC


def _page(content: bytes, generator: np.random.Generator) -> int:
    """Offset of a page: one that the footer names, or any place in the data if it cannot be read."""
    start = _start(content)
    offsets = [value for value in _offsets(content) if 4 <= value < start]
    return offsets[int(generator.integers(len(offsets)))] if offsets else int(generator.integers(4, max(start, 5)))


def _offsets(content: bytes) -> list[int]:
    """Numbers of the footer at which a page header begins."""
    footer = content[_start(content) : -TAIL_BYTES]
    numbers = []
    for value in _values(footer):
        if value.kind == 6:
            coded = _varint(footer, [value.start])
            numbers.append(coded >> 1 ^ -(coded & 1))
    return [number for number in numbers if 4 <= number < len(content) and content[number] == 0x15]


def _flip_near(content: bytes, place: int, reach: int, generator: np.random.Generator) -> bytes:
    damaged = bytearray(content)
    for offset in generator.integers(min(reach, len(content) - place), size=int(generator.integers(1, 5))):
        damaged[place + offset] = int(generator.integers(256))
    return bytes(damaged)
