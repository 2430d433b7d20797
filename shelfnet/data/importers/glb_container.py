"""Read the JSON and binary chunks of a GLB file, with every length and offset checked before use.

trimesh reads GLB too, but it trusts the header: it allocates what the header announces, ignores quantisation, and drops
vertex colours of textured meshes and texture transforms.
"""

import base64
import binascii
import json
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Num

from shelfnet.data.obj.model_files import ModelFiles
from shelfnet.data.obj.reader import ModelError, require_regular_file, short_name

MAX_GLB_BYTES = 512 * 1024**2
MAX_JSON_BYTES = 64 * 1024**2
MAGIC = b"glTF"
JSON_CHUNK, BINARY_CHUNK = 0x4E4F534A, 0x004E4942
COMPONENT_DTYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
TYPE_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
APPLIED_EXTENSIONS = frozenset((
    "EXT_mesh_gpu_instancing", "EXT_texture_webp", "KHR_materials_pbrSpecularGlossiness", "KHR_mesh_quantization",
    "KHR_node_visibility", "KHR_texture_transform",
))  # fmt: skip
"""Extensions that change shape or base colour and are applied."""
HARMLESS_EXTENSIONS = frozenset((
    "CESIUM_RTC", "CESIUM_primitive_outline", "EXT_feature_metadata", "EXT_instance_features", "EXT_mesh_features",
    "EXT_mesh_manifold", "EXT_structural_metadata", "FB_ngon_encoding", "FB_geometry_metadata", "GODOT_single_root",
    "KHR_animation_pointer", "KHR_audio_emitter", "KHR_collision_shapes", "KHR_implicit_shapes", "KHR_interactivity",
    "KHR_node_hoverability", "KHR_node_selectability", "KHR_physics_rigid_bodies", "KHR_xmp", "KHR_xmp_json_ld",
    "MSFT_audio_emitter", "MSFT_lod", "MSFT_packing_normalRoughnessMetallic",
    "MSFT_packing_occlusionRoughnessMetallic",
))  # fmt: skip
"""Extensions that do not change the shape at rest: metadata, sound, physics, and levels of detail outside the scene."""
HARMLESS_PREFIXES = (
    "ADOBE_materials_", "EXT_lights_", "EXT_materials_", "EXT_texture_", "KHR_lights_", "KHR_materials_",
    "KHR_texture_", "KHR_techniques_webgl", "MSFT_texture_dds", "MOZ_", "OMI_", "VRM",
)  # fmt: skip
"""Prefixes of families of extensions that do not change the shape: materials, textures, lights, games, avatars."""
COMPRESSIONS = frozenset({"EXT_meshopt_compression", "KHR_draco_mesh_compression", "KHR_meshopt_compression"})
"""Extensions that a file may use beside uncompressed data. If it has no such data, it is refused."""
REQUIRABLE_EXTENSIONS = APPLIED_EXTENSIONS | {"KHR_lights_punctual"}
"""Extensions that a file may require, besides material extensions (``KHR_materials_*``)."""
UNSUPPORTED = " that is not supported; export it without compression"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class GlbContainer:
    """JSON header and binary chunk of a GLB file.

    Attributes:
        path: The file.
        header: The JSON.
        binary: The binary chunk.
    """

    path: Path
    header: dict[str, Any]
    binary: bytes
    _buffers: dict[int, bytes] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the file with its folder, for messages."""
        return short_name(self.path)

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
        content = memoryview(self._buffer(view["buffer"]))
        start, length = view.get("byteOffset", 0), view["byteLength"]
        if not 0 <= start <= start + length <= len(content):
            raise ModelError(f"buffer view {index}: bytes {start} to {start + length} of {len(content)}")
        return content[start : start + length]

    def image(self, index: int) -> bytes | memoryview:
        """Encoded bytes of an image.

        Raises:
            ModelError: There is no such image, or it is neither in the file nor in its folder.
        """
        image = self.entry("images", index)
        return self._resource(image["uri"]) if "uri" in image else self.view(image["bufferView"])

    def attribute(self, index: int, n_vertices: int) -> Num[np.ndarray, "v c"]:
        """Array of an accessor with one row per vertex.

        Raises:
            ModelError: The accessor has another number of elements, or as in :meth:`array`.
        """
        if self.count(index) != n_vertices:
            raise ModelError(f"expected an attribute of {n_vertices} vertices, got {self.count(index)} values")
        return self.array(index)

    def array(self, index: int) -> Num[np.ndarray, "n c"]:
        """Array of an accessor, one row per element; normalised integers become floats in [0, 1] or [-1, 1].

        Raises:
            ModelError: The accessor has no data or exceeds its buffer view.
        """
        accessor = self.entry("accessors", index)
        if "sparse" in accessor:
            raw = self._sparse(index, accessor)
        elif "bufferView" in accessor:
            raw = self._strided(index, accessor)
        else:
            raise ModelError(f"accessor {index} has no data, or only in a compression{UNSUPPORTED}")
        if not accessor.get("normalized", False) or raw.dtype.kind == "f":
            return raw
        return np.maximum(raw / np.float64(np.iinfo(raw.dtype).max), -1.0)

    def count(self, index: int) -> int:
        """Number of elements of an accessor, by its header."""
        return _count(index, self.entry("accessors", index))

    def _sparse(self, index: int, accessor: dict[str, Any]) -> Num[np.ndarray, "n c"]:
        """Array of zeros, or of a buffer view, in which some elements are replaced."""
        sparse = accessor["sparse"]
        if "bufferView" in accessor:
            array = self._strided(index, accessor).copy()
        else:
            dtype, width = _element(accessor)
            if _count(index, accessor) * width * dtype.itemsize > MAX_GLB_BYTES:
                raise ModelError(f"accessor {index}: expected at most {MAX_GLB_BYTES} bytes of zeros")
            array = np.zeros((_count(index, accessor), width), dtype)
        count = {"count": sparse["count"]}
        places = self._strided(index, {"type": "SCALAR", **sparse["indices"], **count})[:, 0].astype(np.int64)
        values = self._strided(index, {**accessor, "byteOffset": 0, **sparse["values"], **count})
        if places.min() < 0 or places.max() >= len(array):
            raise ModelError(f"accessor {index}: replaces element {places.max()} of {len(array)}")
        array[places] = values
        return array

    def _strided(self, index: int, accessor: dict[str, Any]) -> Num[np.ndarray, "n c"]:
        dtype, width = _element(accessor)
        view = self.view(accessor["bufferView"])
        count, start = _count(index, accessor), accessor.get("byteOffset", 0)
        stride = self.entry("bufferViews", accessor["bufferView"]).get("byteStride") or width * dtype.itemsize
        end = start + max(count - 1, 0) * stride + width * dtype.itemsize
        if count < 1 or start < 0 or stride < width * dtype.itemsize or end > len(view):
            raise ModelError(f"accessor {index}: bytes {start} to {end} of {len(view)}")
        return np.ndarray((count, width), dtype, buffer=view, offset=start, strides=(stride, dtype.itemsize))

    def _buffer(self, index: int) -> bytes:
        """A buffer: the binary chunk, data inside the JSON, or a file in the folder."""
        buffer = self.entry("buffers", index)
        if index not in self._buffers:
            if "uri" in buffer:
                self._buffers[index] = self._resource(buffer["uri"])
            elif index == 0:
                self._buffers[index] = self.binary
            else:
                raise ModelError(f"buffer {index} has no data, or only in a compression{UNSUPPORTED}")
        return self._buffers[index]

    def _resource(self, uri: Any) -> bytes:
        """Content of a ``data:`` URI, or of a file in the folder of this one."""
        text = str(uri)
        if text.startswith("data:"):
            return _decode_data(text)
        path = ModelFiles(self.path.parent).find_named(text)
        if path is None:
            raise ModelError(f"refers to {text[:80]!r}, which is not in its folder")
        require_regular_file(path, MAX_GLB_BYTES)
        return path.read_bytes()


def _element(accessor: dict[str, Any]) -> tuple[np.dtype, int]:
    """Type of the components of an accessor and their number per element."""
    return np.dtype(COMPONENT_DTYPES[accessor["componentType"]]), TYPE_WIDTHS[accessor["type"]]


def _count(index: int, accessor: dict[str, Any]) -> int:
    count = accessor["count"]
    if type(count) is not int or count < 0:
        raise ModelError(f"accessor {index}: expected a number of elements, got {count!r}")
    return count


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
    header = _parse_header(chunks.get(JSON_CHUNK, b""))
    _warn_of_ignored(short_name(path), header)
    return GlbContainer(path, header, chunks.get(BINARY_CHUNK, b""))


def may_refer_to_files(path: Path) -> bool:
    """Whether a GLB file has a URI, so that its content may depend on other files; a data URI counts, too."""
    with path.open("rb") as stream:
        json_bytes = int.from_bytes(stream.read(20)[12:16], "little")
        return b'"uri"' in stream.read(min(json_bytes, MAX_JSON_BYTES))


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
    unknown = [name for name in required if name not in REQUIRABLE_EXTENSIONS and not name.startswith("KHR_materials_")]
    if unknown:
        raise ModelError(f"requires the unsupported extensions {', '.join(unknown[:5])}; export it without them")
    return header


def _warn_of_ignored(name: str, header: dict[str, Any]) -> None:
    """Log extensions that may change the shape and are not applied."""
    known = APPLIED_EXTENSIONS | HARMLESS_EXTENSIONS | COMPRESSIONS
    shapes = [*header.get("nodes", []), *header.get("meshes", [])]
    shapes += [primitive for mesh in header.get("meshes", []) for primitive in mesh.get("primitives", [])]
    undeclared = [name for shape in shapes for name in shape.get("extensions", {})]
    used = [str(extension)[:80] for extension in dict.fromkeys([*header.get("extensionsUsed", []), *undeclared])]
    ignored = [
        extension for extension in used if extension not in known and not extension.startswith(HARMLESS_PREFIXES)
    ]
    if ignored:
        log.warning("%s: its shape may be wrong, since %s is ignored", name, ", ".join(ignored[:5]))


def _decode_data(uri: str) -> bytes:
    head, _, data = uri.partition(",")
    if not head.endswith(";base64"):
        raise ModelError(f"expected base64 in a data URI, got {head[:80]!r}")
    try:
        return base64.b64decode(data, validate=True)
    except binascii.Error as error:
        raise ModelError(f"expected base64 in a data URI: {error}") from error
