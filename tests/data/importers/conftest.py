"""Models of other formats, written by trimesh, and GLB files of any content."""

import json
import struct

import numpy as np
import pytest
import trimesh


def _glb(header: dict, binary: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 4)
    binary += b"\0" * (-len(binary) % 4)
    chunks = struct.pack("<II", len(text), 0x4E4F534A) + text
    chunks += struct.pack("<II", len(binary), 0x004E4942) + binary if binary else b""
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


class GlbBuilder:
    """A GLB of one triangle mesh, to which a test adds what it needs."""

    def __init__(self):
        self.binary = b""
        self.header = {
            "asset": {"version": "2.0"},
            "scene": 0,
            "scenes": [{"nodes": [0]}],
            "nodes": [{"mesh": 0}],
            "meshes": [{"primitives": [{"attributes": {}}]}],
            "accessors": [],
            "bufferViews": [],
            "buffers": [{}],
            "materials": [],
            "textures": [],
            "images": [],
        }

    @property
    def primitive(self):
        return self.header["meshes"][0]["primitives"][0]

    def view(self, content: bytes, **fields) -> int:
        self.binary += b"\0" * (-len(self.binary) % 4)
        self.header["bufferViews"].append(
            {"buffer": 0, "byteOffset": len(self.binary), "byteLength": len(content), **fields}
        )
        self.binary += content
        return len(self.header["bufferViews"]) - 1

    def accessor(self, values, **fields) -> int:
        values = np.asarray(values)
        kinds = {"i1": 5120, "u1": 5121, "i2": 5122, "u2": 5123, "u4": 5125, "f4": 5126}
        widths = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4"}
        rows = values.reshape(len(values), -1)
        entry = {
            "bufferView": self.view(values.tobytes()),
            "componentType": kinds[values.dtype.str[1:]],
            "count": len(values),
            "type": widths[rows.shape[1]],
        }
        self.header["accessors"].append(entry | fields)
        return len(self.header["accessors"]) - 1

    def attribute(self, name, values, **fields):
        self.primitive["attributes"][name] = self.accessor(values, **fields)
        return self

    def box(self, extents=(2.0, 1.0, 1.0)):
        """A box with vertices apart at every face, as its attributes may differ there."""
        box = trimesh.creation.box(extents)
        self.attribute("POSITION", box.vertices[box.faces].reshape(-1, 3).astype("f4"))
        return self

    def material(self, **fields):
        self.header["materials"].append(fields)
        self.primitive["material"] = len(self.header["materials"]) - 1
        return self

    def texture(self, png: bytes) -> dict:
        self.header["images"].append({"bufferView": self.view(png), "mimeType": "image/png"})
        self.header["textures"].append({"source": len(self.header["images"]) - 1})
        return {"index": len(self.header["textures"]) - 1}

    def write(self, path):
        self.header["buffers"][0]["byteLength"] = len(self.binary)
        path.write_bytes(_glb(self.header, self.binary))
        return path


@pytest.fixture
def glb():
    return GlbBuilder()


@pytest.fixture
def glb_bytes():
    return _glb
