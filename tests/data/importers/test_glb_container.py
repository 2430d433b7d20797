"""Extensions, and files beside a GLB."""

import base64
import io
import logging

import numpy as np
import pytest
from PIL import Image

from shelfnet.data.importers.glb import import_glb
from shelfnet.data.importers.glb_container import may_refer_to_files
from shelfnet.data.obj.reader import ModelError

BOX_CORNERS = 36


def png(colour=(200, 100, 50)):
    stream = io.BytesIO()
    Image.new("RGB", (4, 4), colour).save(stream, "PNG")
    return stream.getvalue()


def textured(glb, image):
    glb.box().attribute("TEXCOORD_0", np.zeros((BOX_CORNERS, 2), "f4"))
    glb.header["images"] = [image]
    glb.header["textures"] = [{"source": 0}]
    return glb.material(pbrMetallicRoughness={"baseColorTexture": {"index": 0}})


@pytest.mark.parametrize(
    "uri", ["maps/dark wood.png", "maps/dark%20wood.png", "./Maps\\Dark%20Wood.PNG", "C:\\chair\\maps\\dark wood.png"]
)
def test_an_image_in_the_folder_is_read(tmp_path, glb, uri):
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "dark wood.png").write_bytes(png())
    (part,) = import_glb(textured(glb, {"uri": uri}).write(tmp_path / "x.glb"), 100)
    assert part.material.texture[0, 0].tolist() == [200, 100, 50]


@pytest.mark.parametrize("uri", ["../secret.png", "%2e%2e/secret.png", "maps/../../secret.png", "gone.png", "link.png"])
def test_an_image_elsewhere_is_refused(tmp_path, glb, uri):
    folder = tmp_path / "models"
    (folder / "maps").mkdir(parents=True)
    (tmp_path / "secret.png").write_bytes(png())
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    textured(glb, {"uri": uri})
    for place in (uri, str(tmp_path / "secret.png"), f"file://{tmp_path}/secret.png"):
        glb.header["images"] = [{"uri": place}]
        with pytest.raises(ModelError, match=r"^x\.glb: refers to .*not in its folder"):
            import_glb(glb.write(folder / "x.glb"), 100)


def test_a_buffer_in_the_folder_is_read(tmp_path, glb):
    glb.box((2, 2, 2))
    glb.header["buffers"][0]["uri"] = "data.bin"
    (tmp_path / "data.bin").write_bytes(glb.binary)
    (part,) = import_glb(glb.write(tmp_path / "x.glb"), 100)
    assert np.abs(part.vertices).max() == 1.0
    glb.header["buffers"][0]["uri"] = "data:application/octet-stream;base64," + base64.b64encode(glb.binary).decode()
    (part,) = import_glb(glb.write(tmp_path / "x.glb"), 100)
    assert np.abs(part.vertices).max() == 1.0


def test_only_files_with_a_uri_may_refer_to_others(tmp_path, glb):
    assert not may_refer_to_files(glb.box().write(tmp_path / "x.glb"))
    assert may_refer_to_files(textured(glb, {"uri": "wood.png"}).write(tmp_path / "x.glb"))
    (tmp_path / "x.glb").write_bytes(b"glTF")
    assert not may_refer_to_files(tmp_path / "x.glb")


def test_data_only_in_a_compression_is_refused(tmp_path, glb):
    glb.box()
    glb.header["extensionsUsed"] = ["EXT_meshopt_compression"]
    glb.header["buffers"].append({"byteLength": 10**6})
    glb.header["bufferViews"][0]["buffer"] = 1
    with pytest.raises(ModelError, match=r"buffer 1 has no data.*export it without compression"):
        import_glb(glb.write(tmp_path / "x.glb"), 100)
    glb.header["accessors"][0].pop("bufferView")
    with pytest.raises(ModelError, match="accessor 0 has no data"):
        import_glb(glb.write(tmp_path / "x.glb"), 100)


def test_a_texture_without_an_image_is_grey(tmp_path, glb, caplog):
    textured(glb, {"uri": "unused.ktx2"})
    glb.header["textures"] = [{"extensions": {"KHR_texture_basisu": {"source": 0}}}]
    with caplog.at_level(logging.WARNING):
        (part,) = import_glb(glb.write(tmp_path / "x.glb"), 100)
    assert (part.material.texture, part.material.colour) == (None, (0.6, 0.6, 0.6))
    assert "x.glb" in caplog.text and "KHR_texture_basisu" in caplog.text
    glb.header["textures"] = [{}]
    glb.header["materials"][0]["pbrMetallicRoughness"]["baseColorFactor"] = [1, 0, 0, 1]
    (part,) = import_glb(glb.write(tmp_path / "x.glb"), 100)
    np.testing.assert_allclose(part.material.colour, (1.0, 0.0, 0.0))


@pytest.mark.parametrize("extension", ["ACME_bend", "EXT_mesh_primitive_restart", "AGI_articulations"])
def test_extensions_that_may_change_the_shape_are_named(tmp_path, glb, caplog, extension):
    glb.box().header["extensionsUsed"] = ["KHR_materials_clearcoat", extension]
    with caplog.at_level(logging.WARNING):
        import_glb(glb.write(tmp_path / "x.glb"), 100)
    assert "x.glb" in caplog.text and extension in caplog.text
    assert "clearcoat" not in caplog.text
    glb.header["extensionsRequired"] = [extension]
    with pytest.raises(ModelError, match=rf"{extension}; export it without"):
        import_glb(glb.write(tmp_path / "x.glb"), 100)


@pytest.mark.parametrize("place", ["nodes", "meshes", "primitives"])
def test_undeclared_extensions_are_named_too(tmp_path, glb, caplog, place):
    glb.box()
    shape = glb.primitive if place == "primitives" else glb.header[place][0]
    shape["extensions"] = {"ACME_bend": {}, "KHR_materials_variants": {}}
    with caplog.at_level(logging.WARNING):
        import_glb(glb.write(tmp_path / "x.glb"), 100)
    assert f"{tmp_path.name}/x.glb" in caplog.text and "ACME_bend" in caplog.text
    assert "variants" not in caplog.text


def test_harmless_extensions_are_not_mentioned(tmp_path, glb, caplog):
    glb.box().header["extensionsUsed"] = [
        "KHR_draco_mesh_compression", "KHR_lights_punctual", "KHR_texture_basisu", "VRMC_vrm", "MSFT_lod",
        "EXT_mesh_gpu_instancing", "KHR_xmp_json_ld", "FB_ngon_encoding",
    ]  # fmt: skip
    with caplog.at_level(logging.WARNING):
        import_glb(glb.write(tmp_path / "x.glb"), 100)
    assert caplog.text == ""
