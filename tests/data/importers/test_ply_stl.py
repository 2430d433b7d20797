import numpy as np
import pytest
import trimesh
from PIL import Image

from shelfnet.data.importers.ply_stl import import_ply, import_stl
from shelfnet.data.obj.reader import ModelError


@pytest.fixture
def box():
    return trimesh.creation.box((2, 1, 1))


@pytest.mark.parametrize("encoding", ["ascii", "binary_little_endian"])
def test_ply_vertex_colours_are_srgb(tmp_path, box, encoding):
    box.visual.vertex_colors = np.array([[255, 188, 0, 255]] * 8, np.uint8)
    box.export(tmp_path / "x.ply", encoding=encoding.partition("_")[0])
    (part,) = import_ply(tmp_path / "x.ply", 100)
    assert len(part.faces) == 12
    np.testing.assert_allclose(part.colours, [[1.0, 0.5029, 0.0]] * 8, atol=1e-4)


def test_ply_face_colours_become_those_of_their_corners(tmp_path, box):
    box.visual.face_colors = np.arange(12 * 4).reshape(12, 4).astype(np.uint8) * 5
    box.export(tmp_path / "x.ply")
    (part,) = import_ply(tmp_path / "x.ply", 100)
    assert part.faces.tolist() == np.arange(36).reshape(12, 3).tolist()
    assert (part.colours[0::3] == part.colours[1::3]).all()
    assert len(np.unique(part.colours, axis=0)) == 12
    np.testing.assert_allclose(part.vertices[part.faces], box.triangles)


def test_ply_normals_are_those_of_the_file(tmp_path, box):
    box.export(tmp_path / "plain.ply", vertex_normal=False)
    assert import_ply(tmp_path / "plain.ply", 100)[0].normals is None
    box.export(tmp_path / "normals.ply", vertex_normal=True)
    np.testing.assert_allclose(import_ply(tmp_path / "normals.ply", 100)[0].normals, box.vertex_normals, atol=1e-6)


TEXTURED = """ply
format ascii 1.0
comment TextureFile {texture}
element vertex 3
property float x
property float y
property float z
property float s
property float t
element face 1
property list uchar int vertex_indices
end_header
0 0 0 0 0
1 0 0 1 0
0 1 0 0 1
3 0 1 2
"""


def test_ply_textures_must_lie_in_the_folder_of_the_file(tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    Image.new("RGB", (2, 2), (10, 20, 30)).save(folder / "my texture.png")
    Image.new("RGB", (2, 2)).save(tmp_path / "secret.png")
    (folder / "x.ply").write_text(TEXTURED.format(texture="my texture.png"))
    (part,) = import_ply(folder / "x.ply", 100)
    assert part.material.texture[0, 0].tolist() == [10, 20, 30]
    np.testing.assert_allclose(part.uv[part.faces[0]], [[0, 0], [1, 0], [0, 1]])
    for name in ("../secret.png", str(tmp_path / "secret.png"), "absent.png"):
        (folder / "x.ply").write_text(TEXTURED.format(texture=name))
        with pytest.raises(ModelError, match=r"^x\.ply: no texture"):
            import_ply(folder / "x.ply", 100)


@pytest.mark.parametrize("file_type", ["stl", "stl_ascii"])
def test_stl_text_and_binary(tmp_path, box, file_type):
    box.export(tmp_path / "x.stl", file_type=file_type)
    (part,) = import_stl(tmp_path / "x.stl", 100)
    np.testing.assert_allclose(part.vertices[part.faces], box.triangles, atol=1e-6)
    assert part.colours is part.normals is part.uv is None


HEADER = "ply\nformat {}\nelement vertex {}\nproperty float x\nproperty float y\nproperty float z\n"
FACES = "element face {}\nproperty list uchar int vertex_indices\nend_header\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "PLY header"),
        ("ply\nformat ascii 1.0\n", "PLY header"),
        (HEADER.format("ascii 1.0", 4_000_000_000) + FACES.format(1), "400 .*4000000000"),
        (HEADER.format("ascii 1.0", 3) + FACES.format(4_000_000_000), "100 .*4000000000"),
        (
            HEADER.format("ascii 1.0", 3) + "element edge 999999999\nproperty int vertex1\n" + FACES.format(1),
            "400 .*999999999",
        ),
        (HEADER.format("ascii 1.0", 3) + FACES.format(1) + "0 0 0\n", "got none"),
        (
            HEADER.format("ascii 1.0", 3) + FACES.format(3) + "0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n",
            "3 faces, got 1",
        ),
        (HEADER.format("binary_little_endian 1.0", 3) + FACES.format(1) + "xx", "PLY"),
        (HEADER.format("ascii 1.0", 3) + FACES.format(1) + "0 0 0\n1 0 0\n0 1 0\n3 0 1 9\n", "vertex 9 of 3"),
        (HEADER.format("ascii 1.0", 3) + FACES.format(0) + "0 0 0\n1 0 0\n0 1 0\n", "got none"),
    ],
)
def test_broken_ply_files_are_refused(tmp_path, content, message):
    (tmp_path / "x.ply").write_text(content)
    with pytest.raises(ModelError, match=rf"^x\.ply: .*{message}"):
        import_ply(tmp_path / "x.ply", 100)


def test_broken_stl_files_are_refused(tmp_path):
    for content in (b"", b"solid nothing\nendsolid", bytes(80) + b"\xff\xff\xff\xff" + bytes(50), bytes(range(256))):
        (tmp_path / "x.stl").write_bytes(content)
        with pytest.raises(ModelError, match=r"x\.stl"):
            import_stl(tmp_path / "x.stl", 100)
    (tmp_path / "x.stl").write_bytes(bytes(100_000))
    with pytest.raises(ModelError, match="40084"):
        import_stl(tmp_path / "x.stl", 100)


def test_links_are_followed_or_named(tmp_path, box):
    box.export(tmp_path / "x.stl")
    (tmp_path / "link.stl").symlink_to("x.stl")
    (part,) = import_stl(tmp_path / "link.stl", 100)
    assert len(part.faces) == len(box.faces)
    (tmp_path / "x.stl").unlink()
    with pytest.raises(ModelError, match=r"link\.stl is a link to x\.stl, which does not exist"):
        import_stl(tmp_path / "link.stl", 100)
