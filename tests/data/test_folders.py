import os

from shelfnet.data.folders import link_model, link_or_copy, model_files


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


def test_links_become_files(tmp_path):
    (tmp_path / "a").write_text("1")
    (tmp_path / "link").symlink_to("a")
    link_or_copy(tmp_path / "link", tmp_path / "b")
    assert not (tmp_path / "b").is_symlink()
    assert (tmp_path / "b").samefile(tmp_path / "a")


def names_below(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_links_that_leave_a_model_are_left_out(tmp_path):
    (tmp_path / "in" / "textures").mkdir(parents=True)
    (tmp_path / "in" / "raw_model.obj").write_text("1")
    (tmp_path / "in" / "textures" / "oak.png").write_text("1")
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key.png").write_text("secret")
    (tmp_path / "in" / "folder").symlink_to(tmp_path / "secret")
    (tmp_path / "in" / "key.png").symlink_to("../secret/key.png")
    (tmp_path / "in" / "textures" / "key.png").symlink_to("../../secret/key.png")
    (tmp_path / "in" / "oak.png").symlink_to("textures/oak.png")
    (tmp_path / "in" / "textures" / "key.obj").symlink_to("../../secret/key.png")
    link_model(tmp_path / "in", tmp_path / "deep" / "out")
    assert names_below(tmp_path / "deep" / "out") == ["oak.png", "raw_model.obj", "textures", "textures/oak.png"]
    assert (tmp_path / "deep/out/textures/oak.png").samefile(tmp_path / "in/textures/oak.png")
    assert list(model_files(tmp_path / "in")) == ["oak.png", "raw_model.obj"]


def test_model_of_links_into_a_store_is_whole(tmp_path):
    (tmp_path / "blobs").mkdir()
    (tmp_path / "in").mkdir()
    (tmp_path / "secret.png").write_text("secret")
    for blob, name in (("1", "raw_model.obj"), ("2", "texture.png")):
        (tmp_path / "blobs" / blob).write_text(blob)
        (tmp_path / "in" / name).symlink_to(f"../blobs/{blob}")
    (tmp_path / "in" / "other.png").symlink_to("../secret.png")
    assert list(model_files(tmp_path / "in")) == ["raw_model.obj", "texture.png"]
    link_model(tmp_path / "in", tmp_path / "out")
    assert names_below(tmp_path / "out") == ["raw_model.obj", "texture.png"]
    assert (tmp_path / "out" / "texture.png").read_text() == "2"
