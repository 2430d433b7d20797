"""The text of an OBJ file, made safe to hand to a stock importer: it refers to no other file."""

import re
from dataclasses import dataclass
from pathlib import Path

from shelfnet.data.confinement import file_inside
from shelfnet.data.objects import ModelError

UTF8_BOM = b"\xef\xbb\xbf"
REFERENCE = re.compile(rb"^[\x00-\x20\\]*(mtllib|usemtl)(?=[\x00-\x20\\]|$)([^\n]*)", re.MULTILINE)
"""A statement that names a material library or a material, wherever an importer could see one."""


@dataclass(frozen=True)
class ObjText:
    """An OBJ that stands alone.

    Attributes:
        text: the statements, without ``mtllib``; ``usemtl`` names ``material_0``, ``material_1``, ...
        materials: the names that the file itself gives to these, in the same order.
        libraries: what the ``mtllib`` statements named.
    """

    text: bytes
    materials: tuple[str, ...]
    libraries: tuple[str, ...]


def read_obj_text(obj_path: Path) -> ObjText:
    """Read an OBJ file of any line ending and encoding, and cut its references to other files.

    Raises:
        ModelError: the file is missing, unreadable or a link that leaves its folder.
    """
    path = file_inside(obj_path.parent, obj_path.name)
    if path is None:
        raise ModelError(f"{obj_path.name}: expected a file inside its model's folder")
    try:
        return detach(path.read_bytes())
    except OSError as error:
        raise ModelError(f"{obj_path.name}: {error}") from error


def detach(content: bytes) -> ObjText:
    """The content of an OBJ file without ``mtllib``, its materials renumbered."""
    text = content.removeprefix(UTF8_BOM).replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\\\n", b" ")
    numbers: dict[str, int] = {}
    libraries: list[str] = []

    def rewrite(match: re.Match[bytes]) -> bytes:
        name = decode(match[2]).strip()
        if match[1] == b"mtllib":
            libraries.append(name)
            return b"#"
        return b"usemtl " + material_name(numbers.setdefault(name, len(numbers))).encode()

    return ObjText(REFERENCE.sub(rewrite, text), tuple(numbers), tuple(libraries))


def material_name(index: int) -> str:
    """What the detached OBJ calls its material number ``index``."""
    return f"material_{index}"


def decode(content: bytes) -> str:
    """Text of a file that states no encoding: UTF-8, or Latin-1, which takes every byte."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")
