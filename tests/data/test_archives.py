import stat
import zipfile
from contextlib import nullcontext

import pytest

from shelfnet.data.archives import ArchiveError, Limits, extract_zip, list_zip


def make_zip(path, entries, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return path


def link(name):
    entry = zipfile.ZipInfo(name)
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry


def test_extraction_skips_debris(tmp_path):
    debris = [("__MACOSX/a/._b.txt", b"2"), ("a/.DS_Store", b"3")]
    entries = [("a/b.txt", b"1"), ("a/empty/", b""), *debris, ("ä 椅.txt", b"4")]
    extract_zip(make_zip(tmp_path / "x.zip", entries), tmp_path / "out")
    found = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*")}
    assert found == {"a", "a/b.txt", "a/empty", "ä 椅.txt"}
    assert (tmp_path / "out/a/b.txt").read_bytes() == b"1"


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "a/../../evil",
        "/evil",
        "..\\evil",
        "a\\..\\..\\evil",
        "\\evil",
        "\\\\host\\evil",
        "C:\\evil",
        "C:evil",
        "a/..",
    ],
)
def test_path_traversal_refused(tmp_path, name):
    archive = make_zip(tmp_path / "x.zip", [("good", b"1"), (name, b"2")])
    with pytest.raises(ArchiveError, match=r"x\.zip: entry .* leaves the folder"):
        extract_zip(archive, tmp_path / "in" / "out")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["x.zip"]


def test_backslashes_are_slashes(tmp_path):
    """As .NET Framework writes them; also for folders."""
    entries = [("a\\", b""), ("a\\b\\c.txt", b"1"), ("__MACOSX\\a\\._c.txt", b"2"), ("d/e.txt", b"3")]
    archive = make_zip(tmp_path / "x.zip", entries)
    extract_zip(archive, tmp_path / "out")
    found = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*")}
    assert found == {"a", "a/b", "a/b/c.txt", "d", "d/e.txt"}
    assert (tmp_path / "out/a/b/c.txt").read_bytes() == b"1"
    assert {str(path) for path in list_zip(archive)} == {"a/b/c.txt", "d/e.txt"}


def test_backslashes_do_not_hide_collisions(tmp_path):
    archive = make_zip(tmp_path / "x.zip", [("a/b", b"1"), ("A\\B", b"2")])
    with pytest.raises(ArchiveError, match="occurs twice"):
        extract_zip(archive, tmp_path / "out")


def test_links_refused(tmp_path):
    archive = make_zip(tmp_path / "x.zip", [("good", b"1"), (link("out"), b"/tmp"), ("out/through", b"2")])
    with pytest.raises(ArchiveError, match="'out' is a link or a device"):
        extract_zip(archive, tmp_path / "target")
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize("twin", ["a/é.obj", "A/É.OBJ", "a/é.obj/", "a/e\u0301.obj"])
def test_colliding_names_refused(tmp_path, twin):
    with pytest.warns(UserWarning) if twin == "a/é.obj" else nullcontext():
        archive = make_zip(tmp_path / "x.zip", [("a/é.obj", b"1"), (twin, b"")])
    with pytest.raises(ArchiveError, match="occurs twice"):
        extract_zip(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (Limits(total_bytes=99_999), "at most 99999 bytes when extracted, got 100000"),
        (Limits(ratio=10.0, ratio_free_bytes=1000), "grows from"),
        (Limits(entries=1), "at most 1 entries, got 2"),
        (Limits(empty_files=0), "at most 0 empty files, got 1"),
    ],
)
def test_limits_refused(tmp_path, limits, message):
    archive = make_zip(tmp_path / "x.zip", [("bomb", bytes(100_000)), ("empty", b"")])
    with pytest.raises(ArchiveError, match=message):
        extract_zip(archive, tmp_path / "out", limits)
    assert not (tmp_path / "out").exists()


def test_default_limits_refuse_bomb(tmp_path):
    archive = make_zip(tmp_path / "x.zip", [("bomb", bytes(20 * 1024**2))])
    with pytest.raises(ArchiveError, match="grows from"):
        extract_zip(archive, tmp_path / "out")


def test_full_disk_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 10})())
    with pytest.raises(ArchiveError, match=r"1000 bytes .* 10 are free"):
        extract_zip(make_zip(tmp_path / "x.zip", [("a", bytes(1000))], zipfile.ZIP_STORED), tmp_path / "out")


@pytest.mark.parametrize("damage", ["truncated", "empty", "text", "checksum", "absent"])
def test_damaged_archive_refused(tmp_path, damage):
    path = make_zip(tmp_path / "x.zip", [("a", bytes(range(256)) * 40)], zipfile.ZIP_STORED)
    content = path.read_bytes()
    damaged = {
        "truncated": content[: len(content) * 6 // 10],
        "empty": b"",
        "text": b"not a zip",
        "checksum": content[:100] + bytes([content[100] ^ 1]) + content[101:],
    }
    path.unlink()
    if damage != "absent":
        path.write_bytes(damaged[damage])
    with pytest.raises(ArchiveError, match=r"x\.zip"):
        extract_zip(path, tmp_path / "out")


def test_encrypted_entry_refused(tmp_path):
    path = make_zip(tmp_path / "x.zip", [("a", b"1")])
    content = bytearray(path.read_bytes())
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(ArchiveError, match="is encrypted"):
        extract_zip(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("order", [1, -1])
def test_file_as_folder_refused(tmp_path, order):
    archive = make_zip(tmp_path / "x.zip", [("a", b"1"), ("A/b", b"2")][::order])
    with pytest.raises(ArchiveError, match=r"x\.zip: entry 'A/b'"):
        extract_zip(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_overlapping_entries_refused(tmp_path):
    archive = make_zip(tmp_path / "x.zip", [("a", bytes(30_000)), ("b", bytes(30_000))])
    with pytest.raises(ArchiveError, match=r"x\.zip: grows from \d+ to 60000 bytes"):
        extract_zip(archive, tmp_path / "out", Limits(ratio=50.0, ratio_free_bytes=40_000))
    assert not (tmp_path / "out").exists()


def test_a_colon_that_is_no_drive_is_kept(tmp_path):
    """Screenshots are named by the time."""
    extract_zip(make_zip(tmp_path / "x.zip", [("2024-05-01 12:30.png", b"1")]), tmp_path / "out")
    assert (tmp_path / "out" / "2024-05-01 12:30.png").read_bytes() == b"1"
