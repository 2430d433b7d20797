"""Read the JSON and binary chunks of a GLB file, with every length and offset checked before use.

trimesh reads GLB too, but it trusts the header: it allocates what the header announces, ignores quantisation, and drops
vertex colours of textured meshes and texture transforms.
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

from shelfnet.data.obj.reader import ModelError

MAX_GLB_BYTES = 512 * 1024**2
MAX_JSON_BYTES = 64 * 1024**2
MAGIC = b"glTF"
JSON_CHUNK, BINARY_CHUNK = 0x4E4F534A, 0x004E4942
COMPONENT_DTYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
TYPE_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}
SUPPORTED_EXTENSIONS = frozenset(
    {"KHR_mesh_quantization", "KHR_texture_transform", "EXT_texture_webp", "KHR_lights_punctual"}
)
"""Extensions that a file may require, besides material extensions (``KHR_materials_*``)."""


@dataclass(frozen=True)
class GlbContainer:
    """JSON header and binary chunk of a GLB file."""

    header: dict[str, Any]
    binary: bytes

    @cached_property
    def buffers(self) -> list[bytes]:
        """Buffers: the binary chunk, or data inside the JSON."""
        return [
            _decode_uri(buffer["uri"]) if "uri" in buffer else self.binary for buffer in self.header.get("buffers", [])
        ]

    def entry(self, kind: str, index: int) -> dict[str, Any]:
        """Entry of one of the lists in the JSON.

        Raises:
            ModelError: There is no such entry.
        """
        entries = self.header.get(kind, [])
        if type(index) is not int or not 0 <= index < len(entries) or not isinstance(entries[index], dict):
            raise ModelError(f"expected an entry {index!r} in {kind}, of which there are {len(entries)}")
        return entries[index]

    def view(self, index: int) -> memoryview:
        """Bytes of a buffer view, without a copy."""
        view = self.entry("bufferViews", index)
        content = memoryview(self.buffers[view["buffer"]])
        start, length = view.get("byteOffset", 0), view["byteLength"]
        if not 0 <= start <= start + length <= len(content):
            raise ModelError(f"buffer view {index}: bytes {start} to {start + length} of {len(content)}")
        return content[start : start + length]

    def image(self, index: int) -> bytes | memoryview:
        """Encoded bytes of an embedded image.

        Raises:
            ModelError: There is no such image, or it is in another file.
        """
        image = self.entry("images", index)
        return _decode_uri(image["uri"]) if "uri" in image else self.view(image["bufferView"])

    def array(self, index: int) -> Num[np.ndarray, "n c"]:
        """Array of an accessor, one row per element; normalised integers become floats in [0, 1] or [-1, 1].

        Raises:
            ModelError: The accessor exceeds its buffer view, or is sparse.
        """
        accessor = self.entry("accessors", index)
        if "sparse" in accessor or "bufferView" not in accessor:
            raise ModelError(f"accessor {index}: sparse or empty accessors are not supported")
        raw = self._strided(index, accessor)
        if not accessor.get("normalized", False) or raw.dtype.kind == "f":
            return raw
        return np.maximum(raw / np.float64(np.iinfo(raw.dtype).max), -1.0)

    def count(self, index: int) -> int:
        """Number of elements of an accessor, by its header."""
        count = self.entry("accessors", index)["count"]
        if type(count) is not int or count < 0:
            raise ModelError(f"accessor {index}: expected a number of elements, got {count!r}")
        return count

    def _strided(self, index: int, accessor: dict[str, Any]) -> Num[np.ndarray, "n c"]:
        dtype, width = np.dtype(COMPONENT_DTYPES[accessor["componentType"]]), TYPE_WIDTHS[accessor["type"]]
        view = self.view(accessor["bufferView"])
        count, start = self.count(index), accessor.get("byteOffset", 0)
        stride = self.entry("bufferViews", accessor["bufferView"]).get("byteStride") or width * dtype.itemsize
        end = start + max(count - 1, 0) * stride + width * dtype.itemsize
        if count < 1 or start < 0 or stride < width * dtype.itemsize or end > len(view):
            raise ModelError(f"accessor {index}: bytes {start} to {end} of {len(view)}")
        return np.ndarray((count, width), dtype, buffer=view, offset=start, strides=(stride, dtype.itemsize))


def read_container(path: Path) -> GlbContainer:
    """Read the chunks of a GLB file.

    Raises:
        ModelError: The file is not GLB version 2, is truncated, or requires an unsupported extension.
    """
    content = path.read_bytes()
    if content[:4] != MAGIC or len(content) < 20:
        raise ModelError("expected a binary glTF file")
    version, length = np.frombuffer(content, "<u4", 2, 4).tolist()
    if version != 2:
        raise ModelError(f"expected glTF version 2, got {version}")
    if length > len(content):
        raise ModelError(f"expected {length} bytes, got {len(content)}: the file is truncated")
    chunks: dict[int, bytes] = {}
    position = 12
    while position + 8 <= length:
        size, kind = np.frombuffer(content, "<u4", 2, position).tolist()
        chunks.setdefault(kind, content[position + 8 : position + 8 + size])
        position += 8 + size
    return GlbContainer(_parse_header(chunks.get(JSON_CHUNK, b"")), chunks.get(BINARY_CHUNK, b""))


def _parse_header(content: bytes) -> dict[str, Any]:
    if len(content) > MAX_JSON_BYTES:
        raise ModelError(f"expected at most {MAX_JSON_BYTES} bytes of JSON, got {len(content)}")
    try:
        header = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"expected JSON in the first chunk: {error}") from error
    if not isinstance(header, dict):
        raise ModelError(f"expected a JSON object in the first chunk, got {type(header).__name__}")
    required = [str(name) for name in header.get("extensionsRequired", [])]
    unknown = [name for name in required if name not in SUPPORTED_EXTENSIONS and not name.startswith("KHR_materials_")]
    if unknown:
        raise ModelError(f"requires the unsupported extensions {', '.join(unknown[:5])}")
    return header


def _decode_uri(uri: Any) -> bytes:
    """Decode a ``data:`` URI; any other URI is refused."""
    head, _, data = str(uri).partition(",")
    if not head.startswith("data:") or not head.endswith(";base64"):
        raise ModelError(f"refers to {str(uri)[:80]!r}, outside of the file")
    try:
        return base64.b64decode(data, validate=True)
    except binascii.Error as error:
        raise ModelError(f"expected base64 in a data URI: {error}") from error
