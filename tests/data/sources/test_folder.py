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
    (root / "link.glb").symlink_to(root / "a.GLB")
    (root / "loop").symlink_to(root)
    models, refused = find_models(root, None)
    assert [model.shown for model in models] == ["a.GLB", "x/f.ply", "x/y/b.obj"]
    assert models[2].path == root / "x/y/b.obj"
    assert [(row.path, row.reason) for row in refused] == [
        ("x/c.fbx", ".fbx cannot be read, only .glb, .obj, .ply, .stl")
    ]


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
