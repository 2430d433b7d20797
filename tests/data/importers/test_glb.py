import copy
import io

import numpy as np
import pytest
import trimesh
from PIL import Image

from shelfnet.data.importers.glb import import_glb
from shelfnet.data.obj.reader import ModelError

BOX_CORNERS = 36


def triangles(parts):
    return np.concatenate([part.vertices[part.faces] for part in parts])


def sorted_triangles(parts):
    corners = triangles(parts).round(6).reshape(-1, 9)
    return corners[np.lexsort(corners.T)]


def png(size=(4, 4), colour=(200, 100, 50), mode="RGB"):
    stream = io.BytesIO()
    Image.new(mode, size, colour).save(stream, "PNG")
    return stream.getvalue()


def test_an_ordinary_file_reads_as_trimesh_reads_it(tmp_path):
    scene = trimesh.Scene()
    turned = trimesh.transformations.rotation_matrix(0.3, [1, 1, 0])
    scene.add_geometry(trimesh.creation.box((1, 2, 3)), transform=turned)
    moved = trimesh.transformations.translation_matrix([5, 0, 0]) @ np.diag([2.0, 1.0, 0.5, 1.0])
    scene.add_geometry(trimesh.creation.icosphere(1), transform=moved)
    scene.export(tmp_path / "scene.glb")
    parts = import_glb(tmp_path / "scene.glb", 1000)
    expected = trimesh.load_scene(tmp_path / "scene.glb", process=False).to_geometry()
    corners = expected.vertices[expected.faces].round(6).reshape(-1, 9)
    np.testing.assert_allclose(sorted_triangles(parts), corners[np.lexsort(corners.T)], atol=2e-6)


def test_texture_and_coordinates_are_imported(tmp_path, glb):
    uv = np.random.default_rng(0).random((BOX_CORNERS, 2)).astype("f4")
    reference = glb.texture(png())
    glb.box().attribute("TEXCOORD_0", uv).material(pbrMetallicRoughness={"baseColorTexture": reference})
    (part,) = import_glb(glb.write(tmp_path / "x.glb"), 100)
    assert part.material.texture[0, 0].tolist() == [200, 100, 50]
    np.testing.assert_allclose(part.uv, np.column_stack([uv[:, 0], 1.0 - uv[:, 1]]), atol=1e-6)
    assert part.colours is None


def test_factors_are_linear_and_multiply_textures(tmp_path, glb):
    glb.box().material(pbrMetallicRoughness={"baseColorFactor": [0.2158605, 1.0, 0.0, 1.0]})
    (part,) = import_glb(glb.write(tmp_path / "x.glb"), 100)
    np.testing.assert_allclose(part.material.colour, (128 / 255, 1.0, 0.0), atol=1e-6)
    reference = glb.texture(png(colour=(255, 255, 255)))
    glb.material(pbrMetallicRoughness={"baseColorFactor": [0.2158605, 1, 0, 1], "baseColorTexture": reference})
    (part,) = import_glb(glb.write(tmp_path / "y.glb"), 100)
    assert part.material.texture[0, 0].tolist() == [128, 255, 0]


def test_specular_glossiness_gives_a_base_colour(tmp_path, glb):
    settings = {"diffuseFactor": [1, 0, 0, 1], "diffuseTexture": glb.texture(png(colour=(255, 255, 255)))}
    glb.box().material(extensions={"KHR_materials_pbrSpecularGlossiness": settings})
    (part,) = import_glb(glb.write(tmp_path / "x.glb"), 100)
    assert part.material.texture[0, 0].tolist() == [255, 0, 0]


def test_texture_transform_of_a_second_coordinate_set(tmp_path, glb):
    corners = np.zeros((BOX_CORNERS, 2), "f4")
    corners[1] = (1.0, 0.0)
    settings = {"offset": [0.25, 0.5], "rotation": np.pi / 2, "scale": [0.5, 1.0], "texCoord": 1}
    reference = glb.texture(png()) | {"extensions": {"KHR_texture_transform": settings}}
    glb.box().attribute("TEXCOORD_1", corners).material(pbrMetallicRoughness={"baseColorTexture": reference})
    (part,) = import_glb(glb.write(tmp_path / "x.glb"), 100)
    np.testing.assert_allclose(part.uv[0], (0.25, 1.0 - 0.5), atol=1e-6)
    np.testing.assert_allclose(part.uv[1], (0.25, 1.0 - (0.5 - 0.5)), atol=1e-6)  # u goes to -v in a quarter turn


@pytest.mark.parametrize(
    ("dtype", "full", "normalized"), [("f4", 1.0, False), ("u1", 255, True), ("u2", 65535, True), ("u1", 255, False)]
)
def test_vertex_colours_of_every_component_type(tmp_path, glb, dtype, full, normalized):
    colours = np.zeros((BOX_CORNERS, 4), dtype)
    colours[:, 0] = full
    colours[0, 1] = full
    glb.box().attribute("COLOR_0", colours, normalized=normalized).material()
    (part,) = import_glb(glb.write(tmp_path / "x.glb"), 100)
    assert part.colours[0].tolist() == [1.0, 1.0, 0.0]
    assert part.colours[1].tolist() == [1.0, 0.0, 0.0]


def test_white_vertex_colours_are_dropped(tmp_path, glb):
    glb.box().attribute("COLOR_0", np.ones((BOX_CORNERS, 3), "f4"))
    assert import_glb(glb.write(tmp_path / "x.glb"), 100)[0].colours is None


def test_quantised_positions(tmp_path, glb):
    box = trimesh.creation.box((2, 2, 2))
    positions = np.zeros((BOX_CORNERS, 4), "i2")  # padded to a stride of 8 bytes
    positions[:, :3] = (box.vertices[box.faces].reshape(-1, 3) * 32767).astype("i2")
    glb.attribute("POSITION", positions, type="VEC3", normalized=True)
    glb.header["bufferViews"][0]["byteStride"] = 8
    glb.header["extensionsRequired"] = ["KHR_mesh_quantization"]
    (part,) = import_glb(glb.write(tmp_path / "x.glb"), 100)
    np.testing.assert_allclose(np.abs(part.vertices), 1.0)


def test_strips_and_fans(tmp_path, glb):
    square = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]], "f4")
    glb.attribute("POSITION", square)
    glb.primitive["mode"] = 5
    (part,) = import_glb(glb.write(tmp_path / "strip.glb"), 100)
    assert part.faces.tolist() == [[0, 1, 2], [2, 1, 3]]
    glb.primitive["indices"] = glb.accessor(np.array([0, 1, 3, 2], "u1"))
    glb.primitive["mode"] = 6
    (part,) = import_glb(glb.write(tmp_path / "fan.glb"), 100)
    assert part.faces.tolist() == [[0, 1, 3], [0, 3, 2]]


def test_mirrored_node_keeps_faces_and_normals_outward(tmp_path, glb):
    box = trimesh.creation.box((1, 1, 1))
    normals = np.repeat(box.face_normals, 3, axis=0)
    glb.box((1, 1, 1)).attribute("NORMAL", normals.astype("f4"))
    glb.header["nodes"][0]["scale"] = [-2, 1, 1]
    (part,) = import_glb(glb.write(tmp_path / "x.glb"), 100)
    mesh = trimesh.Trimesh(part.vertices, part.faces, process=True)
    assert mesh.volume == pytest.approx(2.0)
    outward = part.vertices[part.faces].mean(axis=1)
    assert (np.einsum("fc,fc->f", part.normals[part.faces[:, 0]], outward) > 0).all()


def test_parts_of_one_material_are_merged(tmp_path, glb):
    glb.box().material()
    glb.header["nodes"] = [{"children": [1, 2]}, {"mesh": 0}, {"mesh": 0, "translation": [0, 3, 0]}]
    (part,) = import_glb(glb.write(tmp_path / "x.glb"), 100)
    assert len(part.faces) == 24
    assert part.vertices[:, 1].max() == pytest.approx(3.5)


def test_lines_are_ignored(tmp_path, glb):
    glb.box()
    glb.header["meshes"][0]["primitives"].append({"attributes": glb.primitive["attributes"], "mode": 1})
    assert len(import_glb(glb.write(tmp_path / "x.glb"), 100)[0].faces) == 12


def edited(path, value):
    def edit(glb):
        target = glb.header
        for key in path[:-1]:
            target = target[key]
        target[path[-1]] = value

    return edit


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (edited(["buffers", 0, "uri"], "../../secret.bin"), r"\.\./\.\./secret\.bin"),
        (edited(["buffers", 0, "uri"], "file:///etc/passwd"), "file:///etc/passwd"),
        (edited(["buffers", 0, "uri"], "https://example.org/x.bin"), "https://example"),
        (edited(["images", 0], {"uri": "/etc/passwd"}), "/etc/passwd"),
        (edited(["images", 0], {"uri": "data:image/png;base64,%%"}), "base64"),
        (edited(["extensionsRequired"], ["KHR_draco_mesh_compression"]), "KHR_draco"),
        (edited(["accessors", 0, "count"], 4_000_000_000), "1000 .*1333333333"),
        (edited(["accessors", 0, "count"], 3000), "accessor 0: .*36000"),
        (edited(["accessors", 0, "count"], -3), "accessor 0: .*-3"),
        (edited(["accessors", 0, "count"], 1.5), "accessor 0: .*1.5"),
        (edited(["accessors", 0, "byteOffset"], -12), "accessor 0: .*-12"),
        (edited(["accessors", 0, "bufferView"], 99), "99 in bufferViews"),
        (edited(["accessors", 0, "bufferView"], -1), "-1 in bufferViews"),
        (edited(["accessors", 0, "componentType"], 1), "broken glTF"),
        (edited(["accessors", 0, "sparse"], {}), "broken glTF"),
        (edited(["bufferViews", 0, "byteLength"], 1 << 40), "buffer view 0"),
        (edited(["bufferViews", 0, "byteStride"], 1), "accessor 0"),
        (edited(["nodes", 0, "children"], [0]), "node 0"),
        (edited(["nodes", 0, "mesh"], 7), "7 in meshes"),
        (edited(["nodes", 0, "matrix"], [1.0] * 3), "broken glTF"),
        (edited(["nodes", 0, "rotation"], ["x"] * 4), "broken glTF"),
        (edited(["meshes", 0, "primitives"], None), "broken glTF"),
        (edited(["meshes", 0, "primitives", 0, "mode"], 1), "got none"),
        (edited(["meshes", 0, "primitives", 0, "material"], 5), "5 in materials"),
        (edited(["scene"], 3), "3 in scenes"),
        (edited(["scenes", 0, "nodes"], []), "got none"),
    ],
)
def test_hostile_headers_are_refused(tmp_path, glb, edit, message):
    reference = glb.box().texture(png())
    glb.material(pbrMetallicRoughness={"baseColorTexture": reference})
    edit(glb)
    with pytest.raises(ModelError, match=rf"^x\.glb: .*{message}"):
        import_glb(glb.write(tmp_path / "x.glb"), 1000)


def test_nodes_with_two_parents_are_refused(tmp_path, glb):
    glb.box()
    glb.header["nodes"] = [{"children": [i + 1, i + 1]} for i in range(40)] + [{"mesh": 0}]
    with pytest.raises(ModelError, match="node 40"):
        import_glb(glb.write(tmp_path / "x.glb"), 1000)


def test_every_instance_of_a_mesh_counts(tmp_path, glb):
    glb.box()
    glb.header["nodes"] = [{"mesh": 0} for _ in range(100)]
    glb.header["scenes"][0]["nodes"] = list(range(100))
    with pytest.raises(ModelError, match=r"1000 .*1200"):
        import_glb(glb.write(tmp_path / "x.glb"), 1000)


def test_unusable_textures_are_refused(tmp_path, glb):
    for content in (b"<html>", png((8200, 8200), 0, "1")):
        case = copy.deepcopy(glb)
        reference = case.box().texture(content)
        case.material(pbrMetallicRoughness={"baseColorTexture": reference})
        with pytest.raises(ModelError, match=r"^x\.glb: texture"):
            import_glb(case.write(tmp_path / "x.glb"), 1000)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "binary glTF"),
        (b"v 0 0 0\n" * 10, "binary glTF"),
        (b"glTF\x01\0\0\0\x14\0\0\0" + bytes(8), "version 2, got 1"),
        (b"glTF\x02\0\0\0\xff\xff\0\0" + bytes(20), "truncated"),
        (b"glTF\x02\0\0\0\x14\0\0\0" + bytes(8), "JSON"),
    ],
)
def test_files_that_are_no_glb_are_refused(tmp_path, content, message):
    (tmp_path / "x.glb").write_bytes(content)
    with pytest.raises(ModelError, match=rf"^x\.glb: .*{message}"):
        import_glb(tmp_path / "x.glb", 1000)


def test_links_are_followed_or_named(tmp_path, glb):
    path = glb.box().write(tmp_path / "x.glb")
    (tmp_path / "link.glb").symlink_to(path)
    assert len(import_glb(tmp_path / "link.glb", 1000)) == len(import_glb(path, 1000))
    path.unlink()
    with pytest.raises(ModelError, match=rf"^link\.glb is a link to {path}, which does not exist"):
        import_glb(tmp_path / "link.glb", 1000)


def test_malformed_json_is_refused(tmp_path, glb_bytes):
    for header in ([], {"nodes": 5, "scenes": []}):
        (tmp_path / "x.glb").write_bytes(glb_bytes(header))
        with pytest.raises(ModelError):
            import_glb(tmp_path / "x.glb", 1000)
    content = glb_bytes({})
    deep = b"[" * 200_000
    (tmp_path / "x.glb").write_bytes(
        content[:8] + (20 + len(deep)).to_bytes(4, "little") + len(deep).to_bytes(4, "little") + b"JSON" + deep
    )
    with pytest.raises(ModelError, match="JSON"):
        import_glb(tmp_path / "x.glb", 1000)


def test_mutated_files_are_imported_or_refused(tmp_path, glb):
    uv = np.zeros((BOX_CORNERS, 2), "f4")
    reference = glb.box().attribute("TEXCOORD_0", uv).texture(png())
    glb.material(pbrMetallicRoughness={"baseColorTexture": reference})
    content = glb.write(tmp_path / "x.glb").read_bytes()
    generator = np.random.default_rng(3)
    for _ in range(300):
        damaged = bytearray(content)
        for position in generator.integers(0, len(content), generator.integers(1, 6)):
            damaged[position] = generator.integers(0, 256)
        (tmp_path / "x.glb").write_bytes(bytes(damaged))
        try:
            parts = import_glb(tmp_path / "x.glb", 1000)
        except ModelError as error:
            assert str(error).startswith("x.glb: ")
        else:
            assert sum(len(part.faces) for part in parts) <= 1000


def test_glb_builder_writes_what_trimesh_reads(tmp_path, glb):
    path = glb.box().write(tmp_path / "x.glb")
    assert len(trimesh.load_scene(path).to_geometry().faces) == 12


@pytest.mark.parametrize("wrong", [-2, BOX_CORNERS])
def test_indices_outside_the_vertices_are_refused(tmp_path, glb, wrong):
    indices = np.arange(BOX_CORNERS, dtype="i2")
    indices[3] = wrong
    glb.box().primitive["indices"] = glb.accessor(indices)
    with pytest.raises(ModelError, match=f"vertex {wrong} of {BOX_CORNERS}"):
        import_glb(glb.write(tmp_path / "x.glb"), 100)
