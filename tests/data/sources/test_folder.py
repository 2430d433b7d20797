from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelfnet.data.catalogue.model_info import DatasetError, is_safe_id
from shelfnet.data.sources.folder import find_models, model_id_of


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")
    return root


def test_find_models(tmp_path):
    root = touch(tmp_path / "in", "a.GLB", "x/y/b.obj", "x/c.fbx", "x/wood.png", ".hidden/d.stl", "x/.e.ply", "x/f.ply")
    (root / "loop").symlink_to(root)
    models, refused = find_models(root, None)
    assert [model.shown for model in models] == ["a.GLB", "x/f.ply", "x/y/b.obj"]
    assert models[2].path == root / "x/y/b.obj"
    assert [(row.path, row.reason) for row in refused] == [
        ("loop", f"is a link to {root}, a folder that contains the link"),
        ("x/c.fbx", "expected one of .glb, .obj, .ply, .stl"),
    ]


def test_linked_models_are_found(tmp_path):
    touch(tmp_path / "elsewhere", "chair.glb", "more/sofa.glb", "more/old/stool.obj")
    root = touch(tmp_path / "in", "copied.glb")
    (root / "linked.glb").symlink_to("../elsewhere/chair.glb")
    (root / "more").symlink_to(tmp_path / "elsewhere" / "more")
    models, refused = find_models(root, None)
    assert [model.shown for model in models] == ["copied.glb", "linked.glb", "more/old/stool.obj", "more/sofa.glb"]
    assert all(model.path.is_file() for model in models)
    assert refused == []


def test_hub_cache_of_links_is_found(tmp_path):
    """Snapshots of a hub are links to blobs without suffixes; two revisions share them."""
    root = touch(tmp_path / "cache", "blobs/1", "blobs/2")
    for revision, name, blob in (("r1", "a.glb", 1), ("r1", "b.glb", 2), ("r2", "a.glb", 1)):
        (root / "snapshots" / revision).mkdir(parents=True, exist_ok=True)
        (root / "snapshots" / revision / name).symlink_to(f"../../blobs/{blob}")
    models, _ = find_models(root, None)
    assert [model.shown for model in models] == ["snapshots/r1/a.glb", "snapshots/r1/b.glb"]


def test_file_that_is_found_several_ways_is_one_model(tmp_path):
    """Copies of a model would be in the training and the test split."""
    root = touch(tmp_path / "in", "z/chair.glb")
    (root / "a.glb").symlink_to("z/chair.glb")
    (root / "b").symlink_to("z")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "back").symlink_to(root)
    (root / "c").symlink_to(tmp_path / "outside")
    models, _ = find_models(root, None)
    assert [model.shown for model in models] == ["z/chair.glb"]


def test_unusable_links_are_named(tmp_path, caplog):
    root = touch(tmp_path / "in", "a.glb")
    (root / "gone.glb").symlink_to("/mnt/unmounted/gone.glb")
    (root / "self.glb").symlink_to("self.glb")
    (root / "pipe.glb").symlink_to("/dev/null")
    (root / "sofas").symlink_to("../nowhere")
    models, refused = find_models(root, None)
    assert [model.shown for model in models] == ["a.glb"]
    assert {row.path for row in refused} == {"gone.glb", "self.glb", "pipe.glb", "sofas"}
    assert "4 files" in caplog.text and "/mnt/unmounted/gone.glb" in caplog.text


def test_no_models_or_folder_refused(tmp_path):
    touch(tmp_path / "in", "x.png")
    with pytest.raises(DatasetError, match=r"in: .*\.glb, .*1 others"):
        find_models(tmp_path / "in", None)
    with pytest.raises(DatasetError, match="expected a folder"):
        find_models(tmp_path / "in" / "x.png", None)


def test_ids_readable_and_stable():
    chair = model_id_of(PurePosixPath("Chairs/Ärm chair (1).glb"))
    assert chair.startswith("chairs-rm-chair-1-")
    assert chair == model_id_of(PurePosixPath("Chairs/Ärm chair (1).glb"))
    names = ("a/b.glb", "a-b.glb", "a/b.obj", "A/b.glb", "a/B.glb", "a\udcff.glb", "a.glb", "...glb", "con.glb")
    ids = {model_id_of(PurePosixPath(name)) for name in names}
    assert len(ids) == len(names)


@given(st.text(min_size=1, max_size=300))
def test_ids_always_safe(name):
    assert is_safe_id(model_id_of(PurePosixPath(name.replace("\0", "_") + ".glb")))


def test_windows_shortcuts_are_named(tmp_path, caplog):
    _, refused = find_models(touch(tmp_path, "a.glb", "b.glb - Shortcut.lnk"), None)
    assert [(row.path, "shortcut" in row.reason) for row in refused] == [("b.glb - Shortcut.lnk", True)]
    assert "b.glb - Shortcut.lnk" in caplog.text
