import json

import pytest

from shelfnet.data.catalogue.manifest import Manifest, read_manifest, write_manifest


def test_inner_root_is_relative(tmp_path):
    before, after = tmp_path / "before", tmp_path / "after"
    (before / "dataset" / "models").mkdir(parents=True)
    write_manifest(before / "dataset" / "manifest.json", Manifest("showroom", before / "dataset" / "models", "abc", 3))
    before.rename(after)
    expected = Manifest("showroom", (after / "dataset" / "models").resolve(), "abc", 3)
    assert read_manifest(after / "dataset" / "manifest.json") == expected


def test_outer_root_is_absolute(tmp_path):
    (tmp_path / "models").mkdir()
    write_manifest(tmp_path / "results" / "manifest.json", Manifest("3d_future", tmp_path / "models", "abc", 3))
    fields = json.loads((tmp_path / "results" / "manifest.json").read_text())
    assert fields == {"kind": "3d_future", "root": str((tmp_path / "models").resolve()), "digest": "abc", "models": 3}
    assert read_manifest(tmp_path / "results" / "manifest.json").root == (tmp_path / "models").resolve()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"kind": "x", "root": ".", "digest": "d", "models": "many"}'])
def test_invalid_manifest_refused(tmp_path, content):
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(ValueError, match=r"manifest\.json"):
        read_manifest(tmp_path / "manifest.json")


def test_missing_root_refused(tmp_path):
    write_manifest(tmp_path / "manifest.json", Manifest("showroom", tmp_path / "gone", "abc", 3))
    with pytest.raises(ValueError, match="gone"):
        read_manifest(tmp_path / "manifest.json")
