import os

import numpy as np
import pytest
import trimesh

from shelfnet.data.obj import reader as objects
from shelfnet.data.obj.reader import ModelError, load_obj

TRIANGLE = "v 0 0 0\nv 1 0 0\nv 0 1 0\n"


def load(tmp_path, content: str | bytes, max_faces: int = 1000):
    path = tmp_path / "raw_model.obj"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return load_obj(path, max_faces)


def test_box_of_quads(tmp_path, box):
    mesh = load(tmp_path, box)
    assert mesh.faces.shape == (12, 3)
    assert mesh.face_areas().sum() == pytest.approx(10.0)
    centres = mesh.triangles().mean(axis=1) - [1.0, 0.5, 0.5]
    assert (np.einsum("fc,fc->f", centres, mesh.face_normals()) > 0).all()


def test_agrees_with_reference_reader(tmp_path):
    sphere = trimesh.creation.icosphere(subdivisions=2)
    mesh = load(tmp_path, trimesh.exchange.obj.export_obj(sphere))
    np.testing.assert_allclose(mesh.triangles().mean(axis=1), sphere.triangles_center, atol=1e-6)


@pytest.mark.parametrize(
    "content",
    [
        TRIANGLE + "f 1 2 3\n",
        TRIANGLE + "f 1 2 3",
        TRIANGLE + "f -3 -2 -1\n",
        TRIANGLE + "vt 0 0\nvn 0 0 1\nf 1/1/1 2/1/1 3/1/1\n",
        TRIANGLE + "vn 0 0 1\nf 1//1 2//1 3//1\n",
        TRIANGLE + "vt nan 1e9\nf 1/1 2/1 3/1\n",
        TRIANGLE.replace("\n", "\r\n") + "f 1 2 3\r\n",
        TRIANGLE.replace("\n", "\r") + "f 1 2 3\r",
        "\ufeff" + TRIANGLE + "f 1 2 3\n",
        "v 0 \\\n 0 0\nv 1 0 0\nv 0 1 0\nf 1 \\\r\n2 3\n",
        "v 0 0 0 1 1 1\nv 1 0 0 0.5\nv 0 1 0 1\nf 1 2 3\n",
        "  v\t0 0 0\n\n# v 9 9 9\nvp 1 1\nv 1 0 0\nv 0 1 0\ng a b\nl 1 2\np 1\n\tf 1 2 3\ncurv 0 1 1 2\n",
        "# " + "x" * 300_000 + "\n" + TRIANGLE + "f 1 2 3\n",
        b"# \xe6\xa4 \xff \x85 latin\n" + TRIANGLE.encode() + b"usemtl \xd6\xd0\nf 1 2 3\n",
        "f 1 2 3\n" + TRIANGLE,
        "v 0 0 0 # one\nv 1 0 0# two\nv 0 1 0 #\nvt 0 0 # t\nvn 0 0 1 # n\ns 1 # s\nf 1/1/1 2/1/1 3/1/1 # f 9 9 9\n",
        "# C:\\models\\\n" + TRIANGLE + "# \\\nf 1 2 3 # \\\n",
    ],
)
def test_equivalent_spellings(tmp_path, content):
    mesh = load(tmp_path, content)
    np.testing.assert_array_equal(mesh.vertices[mesh.faces[0]], [[0, 0, 0], [1, 0, 0], [0, 1, 0]])


def test_negative_indices(tmp_path):
    mesh = load(tmp_path, TRIANGLE + "f -3 -2 -1\n" + TRIANGLE.replace("1", "2") + "f -3 -2 -1\nf 1 2 3\n")
    assert mesh.faces.tolist() == [[0, 1, 2], [3, 4, 5], [0, 1, 2]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "faces"),
        ("# nothing\nmtllib x.mtl\n", "faces"),
        (TRIANGLE, r"faces.*3 vertices"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "Git LFS; run git lfs pull"),
        (TRIANGLE + "f 1 2 4\n", "vertex 4 of 3"),
        (TRIANGLE + "f 1 2 99999999999999999999999\n", "line 4"),
        (TRIANGLE + "f 0 1 2\n", "line 4: .*vertex 0"),
        (TRIANGLE + "f -4 -2 -1\n", "line 4: .*vertex -4 of 3"),
        (TRIANGLE + "f 1 2\n", "line 4: .*corners.* 2"),
        (TRIANGLE + "f 1 2 x\n", "line 4"),
        (TRIANGLE + "f /1 2 3\n", "line 4"),
        ("v 0 nan 0\n" + TRIANGLE + "f 1 2 3\n", r"got \[0.0, nan, 0.0\] in vertex 1"),
        (TRIANGLE + "v 0 0 -Infinity\nf 1 2 3\n", "in vertex 4"),
        (TRIANGLE + "v 0 0 1e400\nf 1 2 3\n", "in vertex 4"),
        (TRIANGLE + "v 0 0 1e30\nf 1 2 3\n", r"up to 1e\+09"),
        ("v 0 0\n" + TRIANGLE + "f 1 2 3\n", "line 1: .*coordinates.* 2"),
        ("v 0,5 0,5 0,5\n", "line 1"),
        (TRIANGLE + "f 1 2 3\0\n", "line 4: .*NUL byte"),
        (TRIANGLE + "f 1 2 3 # \0\n", "line 4: .*NUL byte"),
        (TRIANGLE + "f 1 2 # 3\n", "line 4: .*corners.* 2"),
        ((TRIANGLE + "f 1 2 3\n").encode("utf-16"), "NUL byte"),
        (b"glTF\x02\0\0\0\x10\0\0\0", "NUL byte"),
        ("v 1 1 1\n" * 3 + "f 1 2 3\n", "longest side"),
        (TRIANGLE.replace("1", "1e-30") + "f 1 2 3\n", "longest side"),
        (TRIANGLE + "f 1 1 2\nf 2 3 3\n", "area"),
        ("v 0 0 0\nv 1 0 0\nv 2 0 0\nf 1 2 3\n", "area"),
    ],
)
def test_broken_file_refused(tmp_path, content, message):
    with pytest.raises(ModelError, match=message) as caught:
        load(tmp_path, content)
    assert str(caught.value).startswith("raw_model.obj: ")


def test_random_bytes_read_or_refused(tmp_path):
    generator = np.random.default_rng(0)
    letters = np.frombuffer(b"vf 0123456789-/.\n\\\re", dtype=np.uint8)
    for _ in range(150):
        with pytest.raises(ModelError):
            load(tmp_path, generator.choice(letters, 200).tobytes() + b"\nf 0 0 0")


def test_limits_refused(tmp_path, monkeypatch):
    with pytest.raises(ModelError, match=r"line 13: .*9 triangles"):
        load(tmp_path, TRIANGLE + "f 1 2 3\n" * 1000, max_faces=9)
    with pytest.raises(ModelError, match=r"line 9: .*8 vertices"):
        load(tmp_path, "v 0 0 0\n" * 1000, max_faces=2)
    with pytest.raises(ModelError, match="at most 5 triangles"):
        load(tmp_path, TRIANGLE + "f 1 2 3 1 2 3 1 2\n", max_faces=5)
    monkeypatch.setattr(objects, "MAX_OBJ_BYTES", 10)
    with pytest.raises(ModelError, match="10 bytes"):
        load(tmp_path, TRIANGLE)


def test_links_are_followed(tmp_path, box):
    (tmp_path / "real.obj").write_text(box)
    (tmp_path / "link.obj").symlink_to("real.obj")
    assert len(load_obj(tmp_path / "link.obj", 100).faces) == len(load_obj(tmp_path / "real.obj", 100).faces)


def test_only_regular_files_opened(tmp_path):
    (tmp_path / "link.obj").symlink_to("gone.obj")
    (tmp_path / "loop.obj").symlink_to("loop.obj")
    (tmp_path / "device.obj").symlink_to("/dev/zero")
    (tmp_path / "folder.obj").mkdir()
    os.mkfifo(tmp_path / "pipe.obj")
    kinds = {"link": "gone.obj, ", "loop": "itself", "device": "/dev/zero", "folder": "folder", "pipe": "pipe"}
    for name, kind in kinds.items():
        with pytest.raises(ModelError, match=rf"{name}\.obj.* {kind}"):
            load_obj(tmp_path / f"{name}.obj", 100)
    for name in ("absent.obj", "x" * 300):
        with pytest.raises(ModelError):
            load_obj(tmp_path / name, 100)
    with pytest.raises(ModelError):
        load_obj(tmp_path / "real.obj" / "inner.obj", 100)
