import numpy as np
import pytest
import trimesh
from PIL import Image

from shelfnet.data.importers.ply import import_ply
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
        (HEADER.format("ascii 1.0", 3) + FACES.format(1) + "0 0 0\n", "truncated.* 3 rows of vertex"),
        (HEADER.format("ascii 1.0", 3) + FACES.format(3) + "0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n", "truncated"),
        (HEADER.format("binary_little_endian 1.0", 3) + FACES.format(1) + "xx", "truncated"),
        (HEADER.format("ascii 1.0", 3) + FACES.format(1) + "0 0 0\n1 0 0\n0 1 0\n2 0 1\n", "corners or more, got 2"),
        (HEADER.format("ascii 1.0", 3) + FACES.format(1) + "0 0 0\n1 0 0\n0 1 0\n3 0 -1 2\n", "vertex -1 of 3"),
        (HEADER.format("ascii 1.0", 3) + FACES.format(1) + "0 0 0\n1 0 0\n0 1 x\n3 0 1 2\n", "numbers"),
        (HEADER.format("ascii 1.0", 3) + FACES.format(1) + "0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n7\n", "8 bytes are left"),
        (HEADER.format("ascii 1.0", 3) + FACES.format(1) + "0 0 0\n1 0 0\n0 1 0\n-3 0 1 2\n", "length of -3"),
        (HEADER.format("ascii 1.0", 3) + FACES.format(1) + "0 0 0\n1 0 0\n0 1 0\n1e9 0 1 2\n", "length of 1000000000"),
        (HEADER.format("utf8 1.0", 3) + FACES.format(1), "format .*utf8"),
        (HEADER.format("ascii 1.0", 3).replace("float z", "float128 z") + FACES.format(1), "float128 z"),
        ("ply\nformat ascii 1.0\nproperty float x\nend_header\n", "element before"),
        ("ply\nformat ascii 1.0\nelement face -1\nend_header\n", "count.*face -1"),
        (HEADER.format("ascii 1.0", 1) + "element face 1\nproperty int vertex_indices\nend_header\n0 0 0\n0\n", "list"),
        (HEADER.format("ascii 1.0", 3) + FACES.format(1) + "0 0 0\n1 0 0\n0 1 0\n3 0 1 9\n", "vertex 9 of 3"),
        (HEADER.format("ascii 1.0", 3) + FACES.format(0) + "0 0 0\n1 0 0\n0 1 0\n", "got none"),
    ],
)
def test_broken_ply_files_are_refused(tmp_path, content, message):
    (tmp_path / "x.ply").write_text(content)
    with pytest.raises(ModelError, match=rf"^x\.ply: .*{message}"):
        import_ply(tmp_path / "x.ply", 100)


def ply(order, faces, colours=None, trailing=b""):
    """A binary PLY of the unit square, in two polygons of any number of corners, as Blender writes it."""
    square = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0.5, 1.5, 0]])
    head = "property uchar {}\n"
    names = "".join(head.format(name) for name in colours or ())
    text = (
        f"ply\nformat binary_{'little' if order == '<' else 'big'}_endian 1.0\nelement vertex 5\n"
        f"property float x\nproperty float y\nproperty float z\n{names}element face {len(faces)}\n"
        "property uchar flags\nproperty list uchar int vertex_indices\nproperty ushort group\nend_header\n"
    ).encode()
    vertices = b"".join(
        np.asarray(point, order + "f4").tobytes() + (bytes([255, 188, 0]) if colours else b"") for point in square
    )
    rows = b"".join(
        b"\7" + bytes([len(face)]) + np.asarray(face, order + "i4").tobytes() + np.asarray(9, order + "u2").tobytes()
        for face in faces
    )
    return text + vertices + rows + trailing


@pytest.mark.parametrize("order", ["<", ">"])
def test_binary_files_of_triangles_and_quads(tmp_path, order):
    content = ply(order, [[0, 1, 2, 3], [3, 2, 4], [0, 1, 2, 4, 3]])
    (tmp_path / "x.ply").write_bytes(content)
    (part,) = import_ply(tmp_path / "x.ply", 100)
    mesh = trimesh.Trimesh(part.vertices, part.faces, process=False)
    assert len(part.faces) == 2 + 1 + 3
    assert mesh.area == pytest.approx(1.0 + 0.25 + 1.25)
    assert (mesh.face_normals[:, 2] > 0).all()
    for length in range(len(content)):
        (tmp_path / "x.ply").write_bytes(content[:length])
        with pytest.raises(ModelError, match=r"^x\.ply: "):
            import_ply(tmp_path / "x.ply", 100)


def test_concave_polygons_are_triangulated(tmp_path):
    arrow = [[0, 0, 0], [2, 1, 0], [0, 2, 0], [0.5, 1, 0], [0.4, 1, 0]]
    rows = "".join(f"{x} {y} {z}\n" for x, y, z in arrow)
    (tmp_path / "x.ply").write_text(HEADER.format("ascii 1.0", 5) + FACES.format(1) + rows + "5 0 1 2 3 4\n")
    (part,) = import_ply(tmp_path / "x.ply", 100)
    assert trimesh.Trimesh(part.vertices, part.faces, process=False).area == pytest.approx(1.55)


@pytest.mark.parametrize("names", ["red green blue", "r g b", "diffuse_red diffuse_green diffuse_blue"])
def test_names_of_colours(tmp_path, names):
    (tmp_path / "x.ply").write_bytes(ply("<", [[0, 1, 2]], names.split()))
    (part,) = import_ply(tmp_path / "x.ply", 100)
    np.testing.assert_allclose(part.colours, [[1.0, 0.5029, 0.0]] * 5, atol=1e-4)


@pytest.mark.parametrize(
    ("kind", "full"), [("uchar", 255), ("ushort", 65535), ("int", 255), ("float", 1), ("double", 255), ("float", 255)]
)
def test_ranges_of_colours(tmp_path, kind, full):
    colours = "".join(f"property {kind} {name}\n" for name in ("red", "green", "blue"))
    rows = f"0 0 0 {full} 0 0\n1 0 0 0 {full} 0\n0 1 0 {full} 0 0\n3 0 1 2\n"
    (tmp_path / "x.ply").write_text(HEADER.format("ascii 1.0", 3) + colours + FACES.format(1) + rows)
    assert import_ply(tmp_path / "x.ply", 100)[0].colours.tolist() == [[1, 0, 0], [0, 1, 0], [1, 0, 0]]


def test_texture_coordinates_of_corners(tmp_path):
    Image.new("RGB", (2, 2), (10, 20, 30)).save(tmp_path / "t.png")
    header = HEADER.format("ascii 1.0\ncomment TextureFile C:\\work\\T.PNG", 4)
    faces = FACES.format(2).replace("end_header", "property list uchar float texcoord\nend_header")
    rows = "0 0 0\n1 0 0\n1 1 0\n0 1 0\n3 0 1 2 6 0 0 .5 0 .5 .5\n3 0 2 3 6 .5 .5 1 1 .5 1\n"
    (tmp_path / "x.ply").write_text(header + faces + rows)
    (part,) = import_ply(tmp_path / "x.ply", 100)
    assert part.uv[part.faces].tolist() == [[[0, 0], [0.5, 0], [0.5, 0.5]], [[0.5, 0.5], [1, 1], [0.5, 1]]]
    assert part.material.texture[0, 0].tolist() == [10, 20, 30]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_line_endings_of_a_binary_header(tmp_path, newline):
    head, _, body = ply("<", [[0, 1, 2, 3], [3, 2, 4]]).partition(b"end_header\n")
    text = (head.decode() + "end_header\n").replace("\n", newline)
    (tmp_path / "x.ply").write_bytes(text.encode() + body)
    assert len(import_ply(tmp_path / "x.ply", 100)[0].faces) == 3


def test_data_after_the_elements_is_refused(tmp_path):
    (tmp_path / "x.ply").write_bytes(ply("<", [[0, 1, 2]], trailing=b"\n\0"))
    assert len(import_ply(tmp_path / "x.ply", 100)[0].faces) == 1
    (tmp_path / "x.ply").write_bytes(ply("<", [[0, 1, 2]], trailing=b"abc"))
    with pytest.raises(ModelError, match=r"^x\.ply: 3 bytes are left"):
        import_ply(tmp_path / "x.ply", 100)


def test_links_to_files_are_followed(tmp_path, box):
    box.export(tmp_path / "x.ply")
    (tmp_path / "link.ply").symlink_to(tmp_path / "x.ply")
    assert len(import_ply(tmp_path / "link.ply", 100)[0].faces) == 12
    (tmp_path / "loop.ply").symlink_to(tmp_path / "loop.ply")
    with pytest.raises(ModelError, match=r"^loop\.ply is a link"):
        import_ply(tmp_path / "loop.ply", 100)


def test_mutated_files_are_imported_or_refused(tmp_path):
    content = ply("<", [[0, 1, 2, 3], [3, 2, 4]], ["red", "green", "blue"])
    generator = np.random.default_rng(3)
    for _ in range(300):
        damaged = bytearray(content)
        for position in generator.integers(0, len(content), generator.integers(1, 6)):
            damaged[position] = generator.integers(0, 256)
        (tmp_path / "x.ply").write_bytes(bytes(damaged))
        try:
            (part,) = import_ply(tmp_path / "x.ply", 100)
        except ModelError as error:
            assert str(error).startswith("x.ply: ")
        else:
            assert len(part.faces) <= 100
