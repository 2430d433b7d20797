"""Random mutations of files, as caused by disks, transfers, exporters and attackers.

These mutators replace Hypothesis because a case is a whole file that is reproduced by its number, the number
and cost of cases are fixed, and files with wrong checksums cannot be shrunk.
"""

import re
import struct
import zlib
from collections.abc import Callable, Sequence

import numpy as np

Mutation = Callable[[bytes, np.random.Generator], bytes]

NUMBERS = tuple(
    b"nan NaN inf -inf Infinity 1e308 -1e308 1e309 1e-320 -0 0 1 -1 2147483647 2147483648 -2147483649 4294967296 "
    b"9223372036854775807 9223372036854775808 99999999999999999999999999999 1_0 0x10 1,5 1. .5 1e +1 --1 1e5 "
    b"\xd9\xa3 \xb2 1/1 /1 1/ 1//1 1/99999 1/-1/-1 1/2/3/4 true null".split()
)
"""Replacements of numbers: extremes, other spellings, and invalid numbers."""

WORDS = (
    b"mtllib ../../../../etc/passwd",
    b"mtllib /etc/passwd",
    b"usemtl ../x",
    b"usemtl",
    b"map_Kd ../../secret.png",
    b"map_Kd /etc/passwd",
    b"map_Kd C:\\secret.png",
    b"map_Kd -s 1 1 1 -o nan texture.png",
    b"newmtl",
    b"o \xe6\xa4\x85 \xff",
    b"g a b c",
    b"s 1",
    b"s off",
    b"l 1 2 3",
    b"p 1",
    b"vp 1 2",
    b"vn 0 0 0",
    b"vn nan 0 1",
    b"vt nan 1e30",
    b"vt 0.5",
    b"vt",
    b"vn",
    b"v",
    b"f",
    b"f 1 2",
    b"f 1 1 1",
    b"f 1 2 2 3",
    b"f 4 3 2 1",
    b"f -1 -2 -3",
    b"f 1/1 2 3//1",
    b"f 1/9/9 2/9/9 3/9/9",
    b"cstype bezier",
    b"curv 0 1 1 2 3",
    b"call other.obj",
    b"csh ls",
    b"\x00",
    b"#",
    b"\\",
    b" \t\x0b\x0c\x1c\x85\xa0",
    "v \uff11 \uff12 \uff13".encode(),
)
"""Statements inserted between the lines of a text."""

NESTINGS = (b"[", b'{"a":', b"[[[{", b'"\\ud800', b"{}", b"[]", b"NaN", b'"\\u0000"', b"-", b"1e999", b"}" * 4)
"""Fragments of JSON."""


def flip_bytes(content: bytes, generator: np.random.Generator) -> bytes:
    damaged = bytearray(content)
    for place in generator.integers(len(content), size=generator.integers(1, 9)):
        damaged[place] ^= 1 << int(generator.integers(8))
    return bytes(damaged)


def overwrite(content: bytes, generator: np.random.Generator) -> bytes:
    start, end = _span(content, generator)
    filler = generator.choice([generator.bytes(end - start), bytes(end - start), b"\xff" * (end - start)])
    return content[:start] + bytes(filler).ljust(end - start, b"\0") + content[end:]


def truncate(content: bytes, generator: np.random.Generator) -> bytes:
    return content[: int(generator.integers(len(content)))]


def remove(content: bytes, generator: np.random.Generator) -> bytes:
    start, end = _span(content, generator)
    return content[:start] + content[end:]


def duplicate(content: bytes, generator: np.random.Generator) -> bytes:
    start, end = _span(content, generator)
    place = int(generator.integers(len(content)))
    return content[:place] + content[start:end] * int(generator.integers(1, 20)) + content[place:]


def insert_noise(content: bytes, generator: np.random.Generator) -> bytes:
    place = int(generator.integers(len(content)))
    return content[:place] + generator.bytes(int(generator.integers(1, 64))) + content[place:]


def change_encoding(content: bytes, generator: np.random.Generator) -> bytes:
    text = content.decode("latin-1")
    changed = (
        text.encode("utf-16"),
        text.encode("utf-16-be"),
        b"\xef\xbb\xbf" + content,
        b"\xef\xbb\xbf" * 3 + content,
        content.replace(b"\n", b"\r\n"),
        content.replace(b"\n", b"\r"),
        content.replace(b"\n", b" \\\n"),
        content.replace(b"\n", b"\x85"),
        content.replace(b" ", b"\t\t"),
        content.replace(b" ", b"\xa0"),
        content.replace(b"e", b"\xc3\x28"),
        text.upper().encode("latin-1", "replace"),
        content.replace(b".", b","),
    )
    return changed[int(generator.integers(len(changed)))]


def change_numbers(content: bytes, generator: np.random.Generator) -> bytes:
    places = list(re.finditer(rb"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?", content))
    if not places:
        return insert_noise(content, generator)
    for index in sorted(generator.integers(len(places), size=generator.integers(1, 4)), reverse=True):
        start, end = places[index].span()
        content = content[:start] + NUMBERS[int(generator.integers(len(NUMBERS)))] + content[end:]
    return content


def insert_words(content: bytes, generator: np.random.Generator) -> bytes:
    lines = content.split(b"\n")
    for _ in range(int(generator.integers(1, 4))):
        lines.insert(int(generator.integers(len(lines) + 1)), WORDS[int(generator.integers(len(WORDS)))])
    return b"\n".join(lines)


def shuffle_lines(content: bytes, generator: np.random.Generator) -> bytes:
    lines = content.split(b"\n")
    start, end = _span(lines, generator)
    return b"\n".join(lines[:start] + [lines[i] for i in start + generator.permutation(end - start)] + lines[end:])


def nest(content: bytes, generator: np.random.Generator) -> bytes:
    piece = NESTINGS[int(generator.integers(len(NESTINGS)))] * int(generator.choice([1, 2, 50, 30_000]))
    place = int(generator.integers(len(content)))
    return content[:place] + piece + content[place:]


def change_png_header(content: bytes, generator: np.random.Generator) -> bytes:
    """Another size, depth or colour type with a valid checksum, as in a decompression bomb."""
    if len(content) < 33:
        return content
    header = list(struct.unpack(">IIBBBBB", content[16:29]))
    extremes = (0, 1, 7, 8192, 16_384, 100_000, 2**31 - 1, 2**32 - 1)
    for field in generator.integers(7, size=generator.integers(1, 4)):
        header[field] = int(generator.choice(extremes)) if field < 2 else int(generator.integers(20))
    chunk = b"IHDR" + struct.pack(">IIBBBBB", *header)
    return content[:12] + chunk + struct.pack(">I", zlib.crc32(chunk)) + content[33:]


def change_png_chunks(content: bytes, generator: np.random.Generator) -> bytes:
    """An additional chunk with a valid checksum: huge text, a palette, another end or frame."""
    kinds = (b"tEXt", b"zTXt", b"iTXt", b"PLTE", b"tRNS", b"iCCP", b"gAMA", b"eXIf", b"acTL", b"fcTL", b"IDAT", b"IEND")
    kind = kinds[int(generator.integers(len(kinds)))]
    bomb = b"key\0\0" + zlib.compress(bytes(1 << 22))
    body = (b"", generator.bytes(40), bomb, bytes(768))[int(generator.integers(4))]
    chunk = struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    place = int(generator.choice([33, max(33, len(content) - 12)]))
    return content[:place] + chunk + content[place:]


BYTES: Sequence[Mutation] = (flip_bytes, overwrite, truncate, remove, duplicate, insert_noise)
TEXT: Sequence[Mutation] = (
    *BYTES,
    change_encoding,
    change_numbers,
    change_numbers,
    insert_words,
    insert_words,
    shuffle_lines,
)
JSON: Sequence[Mutation] = (*BYTES, change_encoding, change_numbers, nest, nest)
PNG: Sequence[Mutation] = (*BYTES, change_png_header, change_png_header, change_png_chunks)


def mutate(content: bytes, mutations: Sequence[Mutation], generator: np.random.Generator) -> bytes:
    """One to three consecutive mutations."""
    for _ in range(int(generator.choice([1, 1, 2, 3]))):
        if content:
            content = mutations[int(generator.integers(len(mutations)))](content, generator)
    return content


def _span(items: Sequence, generator: np.random.Generator) -> tuple[int, int]:
    start = int(generator.integers(len(items)))
    return start, min(len(items), start + int(generator.integers(1, max(2, len(items) // 3))))
