import logging

import numpy as np
import pytest
import trimesh

from shelfnet.data.importers.stl import import_stl
from shelfnet.data.obj.reader import ModelError


@pytest.fixture
def box():
    return trimesh.creation.box((2, 1, 1))


@pytest.mark.parametrize("file_type", ["stl", "stl_ascii"])
def test_stl_text_and_binary(tmp_path, box, file_type):
    box.export(tmp_path / "x.stl", file_type=file_type)
    (part,) = import_stl(tmp_path / "x.stl", 100)
    np.testing.assert_allclose(part.vertices[part.faces], box.triangles, atol=1e-6)
    assert part.colours is part.normals is part.uv is None


@pytest.mark.parametrize("start", [b"binary", b"solid box"])
@pytest.mark.parametrize("trailing", [b"\0", b"\n", b"<metadata>" * 20, bytes(50)])
def test_bytes_after_the_triangles_are_ignored(tmp_path, box, caplog, start, trailing):
    box.export(tmp_path / "x.stl")
    content = (tmp_path / "x.stl").read_bytes()
    (tmp_path / "x.stl").write_bytes(start.ljust(80) + content[80:] + trailing)
    with caplog.at_level(logging.WARNING):
        (part,) = import_stl(tmp_path / "x.stl", 100)
    np.testing.assert_allclose(part.vertices[part.faces], box.triangles, atol=1e-6)
    assert "x.stl" in caplog.text and f"{len(trailing)} bytes" in caplog.text


def test_text_with_several_solids(tmp_path, box):
    box.export(tmp_path / "x.stl", file_type="stl_ascii")
    text = (tmp_path / "x.stl").read_text()
    (tmp_path / "x.stl").write_text(text + "\n" + text)
    assert len(import_stl(tmp_path / "x.stl", 100)[0].faces) == 24


def test_broken_files_are_refused(tmp_path):
    for content in (b"", b"solid nothing\nendsolid", bytes(80) + b"\xff\xff\xff\xff" + bytes(50), bytes(range(256))):
        (tmp_path / "x.stl").write_bytes(content)
        with pytest.raises(ModelError, match=r"^x\.stl: "):
            import_stl(tmp_path / "x.stl", 100)
    (tmp_path / "x.stl").write_bytes(bytes(100_000))
    with pytest.raises(ModelError, match="40084"):
        import_stl(tmp_path / "x.stl", 100)


def test_a_wrong_number_of_triangles_is_named(tmp_path, box):
    box.export(tmp_path / "x.stl")
    content = (tmp_path / "x.stl").read_bytes()
    (tmp_path / "x.stl").write_bytes(content[:-60])
    with pytest.raises(ModelError, match="12 triangles in 684 bytes, but there are 624: the file is truncated"):
        import_stl(tmp_path / "x.stl", 100)
    (tmp_path / "x.stl").write_bytes(content[:80] + bytes(4) + content[84:])
    with pytest.raises(ModelError, match="announces 0 triangles"):
        import_stl(tmp_path / "x.stl", 100)


def test_truncated_files_are_refused(tmp_path, box):
    box.export(tmp_path / "x.stl")
    content = (tmp_path / "x.stl").read_bytes()
    for length in (len(content) - 1, len(content) - 50, 100, 83):
        (tmp_path / "x.stl").write_bytes(content[:length])
        with pytest.raises(ModelError, match=r"^x\.stl: "):
            import_stl(tmp_path / "x.stl", 100)


def test_links_to_files_are_followed(tmp_path, box):
    box.export(tmp_path / "x.stl")
    (tmp_path / "link.stl").symlink_to(tmp_path / "x.stl")
    assert len(import_stl(tmp_path / "link.stl", 100)[0].faces) == 12
    (tmp_path / "loop.stl").symlink_to(tmp_path / "loop.stl")
    with pytest.raises(ModelError, match=r"^loop\.stl is a link"):
        import_stl(tmp_path / "loop.stl", 100)
