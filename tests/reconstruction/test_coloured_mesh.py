import io
import json
import struct

import numpy as np
import pytest
import torch
import trimesh
from PIL import Image

from shelfnet.data.glb import MeshFileError
from shelfnet.geometry.colours import linear_from_srgb
from shelfnet.geometry.meshes import Mesh
from shelfnet.reconstruction.coloured_mesh import ColouredMesh, load_glb, save_glb
from shelfnet.reconstruction.projective_texturing import PosedImage
from shelfnet.reconstruction.texture_baking import bake_texture


def wedge() -> Mesh:
    vertices = np.array([[0.0, 0.0, 0.0], [0.5, 0.0, 0.0], [0.0, 0.25, 0.0], [0.0, 0.0, -0.5], [0.0, 0.0, 0.0]])
    return Mesh(vertices, np.array([[0, 1, 2], [4, 3, 1], [2, 3, 0]]))


def test_vertex_coloured_mesh_round_trip(tmp_path):
    mesh, colours = wedge(), np.array([[0, 0, 0], [255, 0, 51], [0, 102, 0], [1, 2, 3], [255, 255, 255]]) / 255.0
    save_glb(tmp_path / "wedge.glb", ColouredMesh(mesh, colours))
    loaded = load_glb(tmp_path / "wedge.glb")
    np.testing.assert_allclose(loaded.mesh.vertices, mesh.vertices, atol=1e-7)
    np.testing.assert_array_equal(loaded.mesh.faces, mesh.faces)
    # A byte of linear light is half a shade of grey near white, six near black.
    np.testing.assert_allclose(loaded.colours, colours, atol=0.02)


def test_vertex_colours_are_clipped(tmp_path):
    colours = np.tile([-0.5, 0.5, 1.5], (5, 1))
    save_glb(tmp_path / "wedge.glb", ColouredMesh(wedge(), colours))
    np.testing.assert_allclose(load_glb(tmp_path / "wedge.glb").colours, np.tile([0.0, 0.5, 1.0], (5, 1)), atol=0.004)


def textured_ball() -> ColouredMesh:
    """A ball whose texture tells the place on its surface."""
    surface = trimesh.creation.icosphere(3, 0.4)
    mesh = Mesh(surface.vertices.copy(), surface.faces.astype(np.int64))
    dark = PosedImage(torch.zeros(3, 32, 32), torch.zeros(32, 32), 0.0, 0.0, 0.6, 2.6)
    texture = bake_texture(mesh, dark, lambda points, _: 0.5 + points, 128)
    return ColouredMesh(mesh, 0.5 + mesh.vertices, texture)


@pytest.fixture(scope="module")
def textured(tmp_path_factory):
    path = tmp_path_factory.mktemp("textured") / "ball.glb"
    save_glb(path, textured_ball())
    return path


@pytest.fixture
def plain(tmp_path):
    ball = textured_ball()
    save_glb(tmp_path / "plain.glb", ColouredMesh(ball.mesh, ball.colours))
    return tmp_path / "plain.glb"


def test_load_merges_texture_seams(textured):
    ball, loaded = textured_ball(), load_glb(textured)
    assert len(trimesh.load_scene(textured, process=False).geometry["geometry_0"].vertices) > len(ball.mesh.vertices)
    assert len(loaded.mesh.vertices) == len(ball.mesh.vertices)
    np.testing.assert_allclose(loaded.mesh.triangles(), ball.mesh.triangles(), atol=1e-7)
    np.testing.assert_allclose(loaded.colours, 0.5 + loaded.mesh.vertices, atol=0.02)


COMPONENTS = {5121: np.dtype("<u1"), 5123: np.dtype("<u2"), 5125: np.dtype("<u4"), 5126: np.dtype("<f4")}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}


class Gltf:
    """The parts of a GLB file, read by the letter of the standard (glTF 2.0, 3.6 and 4.4) and by nothing else."""

    def __init__(self, path):
        data = path.read_bytes()
        magic, version, length = struct.unpack_from("<4sII", data)
        assert (magic, version, length) == (b"glTF", 2, len(data))
        json_length, json_type = struct.unpack_from("<I4s", data, 12)
        assert json_type == b"JSON"
        assert json_length % 4 == 0
        self.tree = json.loads(data[20 : 20 + json_length])
        binary_length, binary_type = struct.unpack_from("<I4s", data, 20 + json_length)
        assert binary_type == b"BIN\0"
        self.binary = data[28 + json_length :]
        assert len(self.binary) == binary_length
        (buffer,) = self.tree["buffers"]
        assert binary_length - 3 <= buffer["byteLength"] <= binary_length
        assert "uri" not in buffer

    def view(self, index: int) -> bytes:
        view = self.tree["bufferViews"][index]
        start = view.get("byteOffset", 0)
        assert start + view["byteLength"] <= self.tree["buffers"][view["buffer"]]["byteLength"]
        return self.binary[start : start + view["byteLength"]]

    def accessor(self, index: int) -> np.ndarray:
        accessor = self.tree["accessors"][index]
        component, width = COMPONENTS[accessor["componentType"]], WIDTHS[accessor["type"]]
        start = accessor.get("byteOffset", 0)
        offset = self.tree["bufferViews"][accessor["bufferView"]].get("byteOffset", 0) + start
        assert offset % component.itemsize == 0
        values = np.frombuffer(self.view(accessor["bufferView"]), component, accessor["count"] * width, start)
        values = values.reshape(-1, width)
        for bound, measured in (("min", values.min(0)), ("max", values.max(0))):
            if bound in accessor:
                np.testing.assert_allclose(accessor[bound], measured, rtol=1e-6, atol=1e-7)
        return values

    @property
    def primitive(self) -> dict:
        (mesh,) = self.tree["meshes"]
        (primitive,) = mesh["primitives"]
        assert primitive.get("mode", 4) == 4
        return primitive

    def attribute(self, name: str) -> np.ndarray:
        return self.accessor(self.primitive["attributes"][name])

    def material(self) -> dict:
        return self.tree["materials"][self.primitive["material"]]


@pytest.mark.parametrize("kind", ["textured", "plain"])
def test_files_follow_gltf(kind, request):
    gltf = Gltf(request.getfixturevalue(kind))
    assert gltf.tree["asset"]["version"] == "2.0"
    assert not gltf.tree.get("extensionsRequired")
    positions, normals = gltf.attribute("POSITION"), gltf.attribute("NORMAL")
    accessor = gltf.tree["accessors"][gltf.primitive["attributes"]["POSITION"]]
    assert {"min", "max"} <= accessor.keys()
    assert positions.shape == normals.shape
    assert all(len(gltf.attribute(name)) == len(positions) for name in gltf.primitive["attributes"])
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1.0, atol=1e-5)
    indices = gltf.accessor(gltf.primitive["indices"])
    assert len(indices) == 3 * len(textured_ball().mesh.faces)
    assert set(np.unique(indices)) == set(range(len(positions)))
    # Unit scale, +Y up: nodes change nothing, corners turn outwards, and normals agree with them.
    assert all(np.allclose(node.get("matrix", np.eye(4).ravel()), np.eye(4).ravel()) for node in gltf.tree["nodes"])
    assert not any({"rotation", "scale", "translation"} & node.keys() for node in gltf.tree["nodes"])
    np.testing.assert_allclose(np.linalg.norm(positions, axis=1), 0.4, atol=1e-5)
    a, b, c = np.moveaxis(positions[indices.reshape(-1, 3)], 1, 0)
    assert ((np.cross(b - a, c - a) * (a + b + c)).sum(1) > 0).all()
    assert (normals * positions).sum(1).min() > 0.39


@pytest.mark.parametrize("kind", ["textured", "plain"])
def test_material_is_dielectric(kind, request):
    material = Gltf(request.getfixturevalue(kind)).material()
    assert material["pbrMetallicRoughness"]["metallicFactor"] == 0.0
    assert 0.4 <= material["pbrMetallicRoughness"]["roughnessFactor"] <= 1.0
    assert material.get("alphaMode", "OPAQUE") == "OPAQUE"


def test_textured_mesh_has_no_vertex_colours(textured):
    gltf = Gltf(textured)
    assert "COLOR_0" not in gltf.primitive["attributes"]
    factor = gltf.material()["pbrMetallicRoughness"].get("baseColorFactor", [1.0] * 4)
    np.testing.assert_allclose(factor, 1.0)


def test_texture_matches_uv_coordinates(textured):
    gltf = Gltf(textured)
    reference = gltf.material()["pbrMetallicRoughness"]["baseColorTexture"]
    assert reference.get("texCoord", 0) == 0
    image = gltf.tree["images"][gltf.tree["textures"][reference["index"]]["source"]]
    data = gltf.view(image["bufferView"])
    with Image.open(io.BytesIO(data)) as opened:
        assert Image.MIME[opened.format] == image["mimeType"]
        assert opened.size == (128, 128)
        pixels = np.asarray(opened.convert("RGB")) / 255.0
    uv = gltf.attribute("TEXCOORD_0")
    assert uv.min() >= 0.0
    assert uv.max() <= 1.0
    # First row at v = 0: the nearest texel of a vertex shows the colour of its place.
    column, row = np.clip(np.floor(uv * 128).astype(int), 0, 127).T
    np.testing.assert_allclose(pixels[row, column], 0.5 + gltf.attribute("POSITION"), atol=0.03)


def test_vertex_colours_are_linear_light(plain):
    gltf = Gltf(plain)
    colours = gltf.attribute("COLOR_0") / 255.0
    assert gltf.tree["accessors"][gltf.primitive["attributes"]["COLOR_0"]]["normalized"] is True
    np.testing.assert_allclose(colours[:, :3], linear_from_srgb(0.5 + gltf.attribute("POSITION")), atol=0.003)
    np.testing.assert_allclose(colours[:, 3], 1.0)


def test_files_are_small(textured, plain):
    assert textured.stat().st_size < 120_000
    assert plain.stat().st_size < 60_000


def test_empty_mesh_is_refused(tmp_path):
    empty = Mesh(np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int64))
    with pytest.raises(ValueError, match=r"none\.glb"):
        save_glb(tmp_path / "none.glb", ColouredMesh(empty, np.zeros((0, 3))))


def test_wrong_number_of_colours_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"wedge\.glb.*5.*4"):
        save_glb(tmp_path / "wedge.glb", ColouredMesh(wedge(), np.zeros((4, 3))))


def test_damaged_file_is_named(tmp_path):
    (tmp_path / "bad.glb").write_bytes(b"not a mesh")
    with pytest.raises(MeshFileError, match=r"bad\.glb"):
        load_glb(tmp_path / "bad.glb")


def test_file_without_colours_is_named(tmp_path):
    trimesh.creation.box().export(tmp_path / "grey.glb")
    with pytest.raises(MeshFileError, match=r"grey\.glb"):
        load_glb(tmp_path / "grey.glb")


def test_file_with_two_meshes_is_named(tmp_path):
    trimesh.Scene([trimesh.creation.box(), trimesh.creation.icosphere(1)]).export(tmp_path / "two.glb")
    with pytest.raises(MeshFileError, match=r"two\.glb.*2"):
        load_glb(tmp_path / "two.glb")
