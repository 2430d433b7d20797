import os

from shelfnet.data.folders import link_folder, link_or_copy


def test_link_shares_inode(tmp_path):
    (tmp_path / "a").write_text("1")
    link_or_copy(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "a").samefile(tmp_path / "b")


def test_copies_if_linking_fails(tmp_path, monkeypatch):
    def refused(source, destination):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refused)
    (tmp_path / "a").write_text("1")
    link_or_copy(tmp_path / "a", tmp_path / "b")
    assert not (tmp_path / "a").samefile(tmp_path / "b")
    assert (tmp_path / "b").read_text() == "1"


def test_folder_is_linked_without_symlinks(tmp_path):
    (tmp_path / "in" / "textures").mkdir(parents=True)
    (tmp_path / "in" / "textures" / "oak.png").write_text("1")
    (tmp_path / "secret").mkdir()
    (tmp_path / "in" / "folder").symlink_to(tmp_path / "secret")
    (tmp_path / "in" / "file").symlink_to(tmp_path / "in" / "textures" / "oak.png")
    link_folder(tmp_path / "in", tmp_path / "deep" / "out")
    found = sorted(path.relative_to(tmp_path / "deep" / "out").as_posix() for path in tmp_path.glob("deep/out/**/*"))
    assert (tmp_path / "deep/out/textures/oak.png").samefile(tmp_path / "in/textures/oak.png")
    assert found == ["textures", "textures/oak.png"]
