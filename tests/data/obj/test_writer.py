import io

import numpy as np
import pytest
import trimesh

from shelfnet.data.obj.reader import ModelError, load_obj, load_obj_model
from shelfnet.data.obj.writer import write_obj_text

TRIANGLE = "v 0 0 0\nv 1 0 0\nv 0 1 0\n"


@pytest.fixture
def read(tmp_path):
    """Writes a file and reads it as a model."""

    def read(content: str | bytes):
        path = tmp_path / "raw_model.obj"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return load_obj_model(path, 1000)

    return read


def lines(text: bytes, keyword: str) -> list[str]:
    return [line for line in text.decode().splitlines() if line.split(maxsplit=1)[0] == keyword]


def test_materials_numbered_by_first_use(read):
    obj = read("mtllib a b.mtl\n" + TRIANGLE + "usemtl oak\nf 1 2 3\nusemtl tin\nf 1 2 3\n  usemtl oak\nf 3 2 1\n")
    assert obj.materials == ("oak", "tin")
    assert obj.libraries == ("a b.mtl",)
    assert write_obj_text(obj) == (
        b"v 0 0 0\nv 1 0 0\nv 0 1 0\nusemtl material_0\ns 0\nf 1 2 3\nusemtl material_1\ns 0\nf 1 2 3\n"
        b"usemtl material_0\ns 0\nf 3 2 1\n"
    )


@pytest.mark.parametrize(
    "statement",
    [b"mtllib ../x.mtl", b"  mtllib ../x.mtl", b"\tmtllib\t../x.mtl", b"\\\nmtllib ../x.mtl", b"mtllib \\\n ../x.mtl",
     b"\rmtllib ../x.mtl", b"\x0bmtllib ../x.mtl", b"\xef\xbb\xbfmtllib ../x.mtl"],
)  # fmt: skip
def test_mtllib_removed(read, statement):
    obj = read(statement + b"\n" + TRIANGLE.encode() + b"f 1 2 3\n")
    assert b"x.mtl" not in write_obj_text(obj)
    assert obj.libraries == ("../x.mtl",)


def test_other_statements_removed(read):
    noise = "\\ mtllib ../x.mtl\nmtllibrary x\no a\ng b\nl 1 2\np 1\ncurv 0 1 1 2\ncall x.obj\n# f 9 9 9\n"
    assert write_obj_text(read(noise + TRIANGLE + "f 1 2 3\n")) == b"v 0 0 0\nv 1 0 0\nv 0 1 0\ns 0\nf 1 2 3\n"


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_line_endings(read, newline):
    assert lines(write_obj_text(read((TRIANGLE + "f 1 \\\n2 3\n").replace("\n", newline))), "f") == ["f 1 2 3"]


def test_material_names_in_any_encoding(read):
    names = [b"usemtl h\xf6lz", b"usemtl", b"usemtl " + "木".encode()]
    content = TRIANGLE.encode() + b"".join(name + b"\nf 1 2 3\n" for name in names)
    assert read(content).materials == ("hölz", "", "木")


@pytest.mark.parametrize(
    ("faces", "expected"),
    [
        ("f 1/1/1 2/2/1 3/1/1", "f 1/1/1 2/2/1 3/1/1"),
        ("f 1/-2 2/-1 3/-2", "f 1/1 2/2 3/1"),
        ("f 1//1 2//1 3//1", "f 1//1 2//1 3//1"),
        ("f 1//-2 2//-2 3//-2", "f 1//1 2//1 3//1"),
        ("f -3/1/1 2//1 3/1/1", "f 1//1 2//1 3//1"),
        ("f 1/1 2/2 3/9", "f 1 2 3"),
        ("f 1/0 2/2 3/1", "f 1 2 3"),
        ("f 1/-3 2/2 3/1", "f 1 2 3"),
        ("f 1/x 2/2 3/1", "f 1 2 3"),
        ("f 1/99999999999999999999999 2/2 3/1", "f 1 2 3"),
        ("f 1/1/2 2/1/2 3/1/2", "f 1/1 2/1 3/1"),
        ("f 1/1/3 2/1/1 3/1/1", "f 1/1/3 2/1/1 3/1/1"),
    ],
)
def test_partial_corner_attributes_dropped(read, faces, expected):
    later = "vn 0 2 0\n"
    text = write_obj_text(read(TRIANGLE + f"vt 0 0\nvt 1 0\nvn 0 0 1\nvn nan 0 0\n{faces}\n{later}"))
    assert lines(text, "f") == [expected]


def test_nan_texture_coordinates_become_zero(read):
    text = write_obj_text(read(TRIANGLE + "vt nan 1\nvt 0.5\nvt 0.25 1e9 0\nvt\nvt 1 x\nvt 1_0 0\nf 1 2 3\n"))
    assert lines(text, "vt") == ["vt 0 0", "vt 0.5 0", "vt 0.25 1e+09", "vt 0 0", "vt 0 0", "vt 0 0"]


def test_smoothing_and_vertex_colours_kept(read):
    coloured = "v 0 0 0 1 0 0\nv 1 0 0 1 0 1 0\nv 0 1 0 0 0 1\n"
    text = write_obj_text(read(coloured + "s 1\nf 1 2 3\ns off\nf 1 2 3\n"))
    assert lines(text, "v") == ["v 0 0 0 1 0 0", "v 1 0 0 0 1 0", "v 0 1 0 0 0 1"]
    assert lines(text, "s") == ["s 1", "s 0"]
    assert lines(write_obj_text(read(coloured + "v 5 5 5\nf 1 2 3\n")), "v")[0] == "v 0 0 0"


def test_same_triangles_as_evaluation(read, tmp_path):
    arrow = "v 0 0 0\nv 2 1 0\nv 0 2 0\nv 1 1 0\n"
    obj = read(arrow + "usemtl a\nf 4 1 2 3\nusemtl b\nf 1 2 4\nf 1 1 2\n")
    mesh = load_obj(tmp_path / "raw_model.obj", 100)
    shown = trimesh.load_mesh(io.BytesIO(write_obj_text(obj)), file_type="obj", process=False)
    assert shown.area == pytest.approx(mesh.face_areas().sum())
    assert mesh.face_areas().sum() == pytest.approx(1.0 + 0.5)
    assert lines(write_obj_text(obj), "usemtl") == ["usemtl material_0", "usemtl material_1"]


def test_idempotent(read, tmp_path, box):
    obj = read(box.replace("f 1", "vt 0.1 0.2\nvn 0 0 1\ns 1\nf 1", 1))
    again = read(write_obj_text(obj))
    assert write_obj_text(again) == write_obj_text(obj)
    model = load_obj_model(tmp_path / "raw_model.obj", 100)
    assert write_obj_text(model) == write_obj_text(obj)
    np.testing.assert_allclose(model.vertices.max(axis=0), [2.0, 1.0, 1.0])


def test_unusable_file_refused(tmp_path, read):
    with pytest.raises(ModelError, match=r"gone\.obj is not there"):
        load_obj_model(tmp_path / "gone.obj", 1000)
    with pytest.raises(ModelError, match=r"raw_model\.obj: line 4: .*vertex 0"):
        read(TRIANGLE + "f 0 1 2\n")
    with pytest.raises(ModelError, match=r"raw_model\.obj: line 4"):
        read(TRIANGLE + "f 1_0 1 2\n")
