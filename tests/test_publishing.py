"""Files and folders appear complete or not at all."""

import os
import stat

import pytest

from shelfnet.publishing import complete_file, complete_folder


@pytest.fixture(params=["file", "folder"])
def kind(request):
    return request.param


def make(kind, final, text, error=None):
    """Write ``text`` to ``final``, or raise before the end."""
    with complete_file(final) if kind == "file" else complete_folder(final) as temporary:
        text_file(kind, temporary).write_text(text)
        assert not text_file(kind, final).exists() or content(kind, final) != text
        if error is not None:
            raise error


def text_file(kind, path):
    return path if kind == "file" else path / "content"


def content(kind, final):
    return text_file(kind, final).read_text()


def test_parent_folders_are_created(tmp_path, kind):
    final = tmp_path / "deep" / "out"
    make(kind, final, "new")
    assert content(kind, final) == "new"
    assert list(final.parent.iterdir()) == [final]


@pytest.mark.parametrize("error", [RuntimeError("broken"), KeyboardInterrupt()])
def test_failure_keeps_old_content(tmp_path, kind, error):
    final = tmp_path / "out"
    make(kind, final, "old")
    with pytest.raises(type(error)):
        make(kind, final, "new", error)
    assert content(kind, final) == "old"
    assert list(tmp_path.iterdir()) == [final]


def test_leftovers_of_a_killed_process_are_replaced(tmp_path, kind):
    final = tmp_path / "out"
    left = tmp_path / "out.partial"
    if kind == "file":
        left.write_text("half of something longer")
    else:
        left.mkdir()
        (left / "half").write_text("")
    make(kind, final, "new")
    assert content(kind, final) == "new"
    assert not left.exists()
    assert not (final / "half").exists()


def test_folder_is_replaced_whole(tmp_path):
    final = tmp_path / "out"
    final.mkdir()
    (final / "stale").write_text("")
    make("folder", final, "new")
    assert [path.name for path in final.iterdir()] == ["content"]


@pytest.mark.parametrize(("umask", "expected"), [(0o022, 0o644), (0o027, 0o640), (0o002, 0o664)])
def test_files_get_the_mode_of_the_umask(tmp_path, umask, expected):
    """Also a file that its writer creates as private, as safetensors does, and one that replaces a private file."""
    final = tmp_path / "out"
    final.touch(0o600)
    before = os.umask(umask)
    try:
        with complete_file(final) as temporary:
            temporary.touch(0o600)
    finally:
        os.umask(before)
    assert stat.S_IMODE(final.stat().st_mode) == expected
