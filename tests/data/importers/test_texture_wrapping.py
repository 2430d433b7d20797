import numpy as np
import pytest
from PIL import Image

from shelfnet.data.importers.glb import import_glb
from shelfnet.data.importers.material_parts import REPEATED, MaterialPart, Wrap
from shelfnet.data.importers.texture_wrapping import unwrap_texture
from shelfnet.data.obj.materials import Material

TEXTURE = np.arange(4 * 8 * 3, dtype=np.uint8).reshape(4, 8, 3)
CORNERS = 36


def part(uv, wrap, texture=TEXTURE):
    uv = np.asarray(uv, dtype=float)
    faces = np.arange(len(uv)).reshape(-1, 3)
    return MaterialPart(np.zeros((len(uv), 3)), faces, Material(texture=texture), uv=uv, wrap=wrap)


def repeated_look(texture, uv):
    """Nearest texels of a repeating texture, with v upwards."""
    height, width, _ = texture.shape
    columns = np.floor(uv[:, 0] * width).astype(int) % width
    rows = np.floor((1.0 - uv[:, 1]) * height).astype(int) % height
    return texture[rows, columns]


def wrapped(coordinate, mode, side):
    """Texel of a coordinate by the definition of the mode, one at a time."""
    texel = int(np.floor(coordinate * side))
    if mode is Wrap.CLAMP:
        return min(max(texel, 0), side - 1)
    if mode is Wrap.MIRROR and (texel // side) % 2:
        return side - 1 - texel % side
    return texel % side


@pytest.mark.parametrize("across", list(Wrap))
@pytest.mark.parametrize("along", list(Wrap))
def test_every_pair_of_modes_looks_as_defined(across, along):
    uv = np.random.default_rng(0).uniform(-2.3, 3.4, (300, 2))
    result = unwrap_texture(part(uv, (across, along)))
    expected = [TEXTURE[wrapped(1.0 - v, along, 4), wrapped(u, across, 8)] for u, v in uv]
    np.testing.assert_array_equal(repeated_look(result.material.texture, result.uv), expected)
    assert result.wrap == REPEATED


@pytest.mark.parametrize("mode", list(Wrap))
def test_coordinates_inside_the_texture_are_kept(mode):
    before = part([[0, 0], [1, 0.5], [0.25, 1]], (mode, mode))
    result = unwrap_texture(before)
    np.testing.assert_allclose(result.uv, before.uv)
    np.testing.assert_array_equal(result.material.texture, TEXTURE)


def test_textures_stay_within_the_largest_size():
    texture = np.zeros((1000, 1000, 3), np.uint8)
    texture[:, 500:] = 255
    for mode, far in ((Wrap.CLAMP, 4.0), (Wrap.CLAMP, 1e9), (Wrap.MIRROR, 1e9)):
        result = unwrap_texture(part([[-far, 0], [far, 0], [0.25, 1]], (mode, mode), texture))
        assert max(result.material.texture.shape) <= 1024
        assert repeated_look(result.material.texture, result.uv[2:]).tolist() == [[0, 0, 0]]


def test_parts_without_texture_are_kept():
    plain = MaterialPart(np.zeros((3, 3)), np.arange(3)[None], Material(), wrap=(Wrap.CLAMP, Wrap.CLAMP))
    assert unwrap_texture(plain) is plain


@pytest.mark.parametrize(
    ("number", "colour"), [(None, [250, 0, 0]), (10497, [250, 0, 0]), (33648, [0, 0, 250]), (33071, [0, 0, 250])]
)
def test_samplers_of_glb_files(tmp_path, glb, number, colour):
    image = Image.new("RGB", (8, 8), (250, 0, 0))
    image.paste((0, 0, 250), (4, 0, 8, 8))
    image.save(tmp_path / "t.png")
    uv = np.full((CORNERS, 2), [1.2, 0.5], "f4")  # red if the texture repeats
    reference = glb.box().attribute("TEXCOORD_0", uv).texture((tmp_path / "t.png").read_bytes())
    glb.header["samplers"] = [{"wrapS": number} if number else {}]
    glb.header["textures"][0]["sampler"] = 0
    glb.material(pbrMetallicRoughness={"baseColorTexture": reference})
    (part,) = import_glb(glb.write(tmp_path / "x.glb"), 100)
    assert repeated_look(part.material.texture, part.uv)[0].tolist() == colour
