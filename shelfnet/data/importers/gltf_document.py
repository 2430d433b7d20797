"""The container and the numbers of a GLB file made by others, every length and offset checked before it is used.

trimesh reads GLB too, but trusts what the file says of itself: it allocates what is announced, takes quantised numbers
for plain ones, and leaves aside vertex colours beside textures and transformed texture coordinates.
"""

import base64
import binascii
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Num

from shelfnet.data.obj.reader import ModelError, require_regular_file

MAX_GLB_BYTES = 512 * 1024**2
MAX_JSON_BYTES = 64 * 1024**2
MAGIC = b"glTF"
JSON_CHUNK, BINARY_CHUNK = 0x4E4F534A, 0x004E4942
COMPONENTS = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}
UNDERSTOOD = frozenset({"KHR_mesh_quantization", "KHR_texture_transform", "EXT_texture_webp", "KHR_lights_punctual"})
"""Extensions that a file may require, beside those of materials, of which only the base colour is taken."""


@dataclass(frozen=True)
class GltfDocument:
    """A GLB file: its JSON and its binary chunk."""

    header: dict[str, Any]
    binary: bytes

    @cached_property
    def buffers(self) -> list[bytes]:
        """Content of the buffers: the binary chunk, or data that the JSON itself holds."""
        return [self._content(buffer) for buffer in self.header.get("buffers", [])]

    def entry(self, kind: str, index: int) -> dict[str, Any]:
        """An object of one of the JSON's lists.

        Raises:
            ModelError: there is none at this index.
        """
        entries = self.header.get(kind, [])
        if type(index) is not int or not 0 <= index < len(entries) or not isinstance(entries[index], dict):
            raise ModelError(f"expected an entry {index!r} in {kind}, of which there are {len(entries)}")
        return entries[index]

    def view(self, index: int) -> memoryview:
        """The bytes of a buffer view, which are not copied."""
        view = self.entry("bufferViews", index)
        content = memoryview(self.buffers[view["buffer"]])
        start, length = view.get("byteOffset", 0), view["byteLength"]
        if not 0 <= start <= start + length <= len(content):
            raise ModelError(f"buffer view {index}: bytes {start} to {start + length} of {len(content)}")
        return content[start : start + length]

    def image(self, index: int) -> bytes | memoryview:
        """The encoded bytes of an image inside the file.

        Raises:
            ModelError: it lies outside the file, or is not there.
        """
        image = self.entry("images", index)
        return _inline(image["uri"]) if "uri" in image else self.view(image["bufferView"])

    def array(self, index: int) -> Num[np.ndarray, "n c"]:
        """The numbers of an accessor, a row an element; normalised integers as floats in [0, 1] or [-1, 1].

        Raises:
            ModelError: it leaves its buffer, or is sparse.
        """
        accessor = self.entry("accessors", index)
        if "sparse" in accessor or "bufferView" not in accessor:
            raise ModelError(f"accessor {index} is sparse or empty, which is not supported")
        raw = self._strided(index, accessor)
        if not accessor.get("normalized", False) or raw.dtype.kind == "f":
            return raw
        return np.maximum(raw / np.float64(np.iinfo(raw.dtype).max), -1.0)

    def count(self, index: int) -> int:
        """Elements that an accessor announces."""
        count = self.entry("accessors", index)["count"]
        if type(count) is not int or count < 0:
            raise ModelError(f"accessor {index}: expected a number of elements, got {count!r}")
        return count

    def _strided(self, index: int, accessor: dict[str, Any]) -> Num[np.ndarray, "n c"]:
        dtype, width = np.dtype(COMPONENTS[accessor["componentType"]]), WIDTHS[accessor["type"]]
        view = self.view(accessor["bufferView"])
        count, start = self.count(index), accessor.get("byteOffset", 0)
        stride = self.entry("bufferViews", accessor["bufferView"]).get("byteStride") or width * dtype.itemsize
        end = start + max(count - 1, 0) * stride + width * dtype.itemsize
        if count < 1 or start < 0 or stride < width * dtype.itemsize or end > len(view):
            raise ModelError(f"accessor {index}: bytes {start} to {end} of {len(view)}")
        strides = (stride, dtype.itemsize)
        return np.ndarray((count, width), dtype, buffer=view, offset=start, strides=strides)

    def _content(self, buffer: dict[str, Any]) -> bytes:
        return _inline(buffer["uri"]) if "uri" in buffer else self.binary


def read_document(path: Path) -> GltfDocument:
    """A GLB file's JSON and binary chunk.

    Raises:
        ModelError: no GLB of version 2, broken, too large, or of an extension that is required and not understood.
    """
    require_regular_file(path, MAX_GLB_BYTES)
    document = _split(path.read_bytes())
    required = document.header.get("extensionsRequired", [])
    unknown = [name for name in required if name not in UNDERSTOOD and not str(name).startswith("KHR_materials_")]
    if unknown:
        raise ModelError(f"needs the extensions {', '.join(map(str, unknown[:5]))}, which are not supported")
    return document


def _split(content: bytes) -> GltfDocument:
    if content[:4] != MAGIC or len(content) < 20:
        raise ModelError("expected a binary glTF file, got something else")
    version, length = np.frombuffer(content, "<u4", 2, 4).tolist()
    if version != 2:
        raise ModelError(f"expected version 2 of glTF, got {version}")
    if length > len(content):
        raise ModelError(f"expected {length} bytes, got {len(content)}: the file is cut off")
    chunks: dict[int, bytes] = {}
    position = 12
    while position + 8 <= length:
        size, kind = np.frombuffer(content, "<u4", 2, position).tolist()
        chunks.setdefault(kind, content[position + 8 : position + 8 + size])
        position += 8 + size
    return GltfDocument(_header(chunks.get(JSON_CHUNK, b"")), chunks.get(BINARY_CHUNK, b""))


def _header(content: bytes) -> dict[str, Any]:
    if len(content) > MAX_JSON_BYTES:
        raise ModelError(f"expected at most {MAX_JSON_BYTES} bytes of JSON, got {len(content)}")
    try:
        header = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"expected JSON in the first chunk: {error}") from error
    if not isinstance(header, dict):
        raise ModelError(f"expected a JSON object in the first chunk, got {type(header).__name__}")
    return header


def _inline(uri: Any) -> bytes:
    """The bytes of a ``data:`` address; nothing else is ever opened."""
    head, _, data = str(uri).partition(",")
    if not head.startswith("data:") or not head.endswith(";base64"):
        raise ModelError(f"refers to {str(uri)[:80]!r}, outside of the file")
    try:
        return base64.b64decode(data, validate=True)
    except binascii.Error as error:
        raise ModelError(f"expected base64 in a data address: {error}") from error
