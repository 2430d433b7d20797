import gzip
import json
import urllib.request

import objaverse
import pytest
import trimesh

from shelfnet.config.dataset import DatasetSettings, ObjaverseSettings
from shelfnet.data.catalogue.model_info import DatasetError
from shelfnet.data.sources.objaverse import category_tag, fetch_objects, find_objects

ANNOTATIONS = {"chair": ["c1", "c2", "c3"], "folding_chair": ["c3", "f1"], "sofa": ["s1"]}


def write_gzip(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt") as stream:
        json.dump(content, stream)


@pytest.fixture
def mirror(tmp_path):
    """The package's folder with files of some annotated objects."""
    root = tmp_path / "objaverse"
    version = root / "hf-objaverse-v1"
    write_gzip(version / "lvis-annotations.json.gz", ANNOTATIONS)
    paths = {uid: f"glbs/000-00{n}/{uid}.glb" for n, uid in enumerate(("c1", "c2", "c3", "f1", "s1"))}
    write_gzip(version / "object-paths.json.gz", paths)
    for uid in ("c1", "c3", "f1"):
        (version / paths[uid]).parent.mkdir(parents=True, exist_ok=True)
        trimesh.creation.box((1, 1, 1)).export(version / paths[uid])
    return root


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(url, *arguments):
        raise urllib.request.URLError(f"no network for {url}")

    monkeypatch.setattr("urllib.request.urlretrieve", refuse)


def settings(**fields):
    return ObjaverseSettings(**{"categories": ("chair",), "minimum_models": 1, **fields})


def test_mirror(mirror):
    before = objaverse._VERSIONED_PATH
    wanted = settings(mirror=str(mirror), categories=("chair", "Folding Chair"))
    infos = find_objects(wanted)
    assert {uid: info.category for uid, info in infos.items()} == {"c1": "Chair", "c3": "Chair", "f1": "Folding Chair"}
    models, refused = fetch_objects(list(infos.values()), wanted)
    assert [model.shown for model in models] == ["glbs/000-000/c1.glb", "glbs/000-002/c3.glb", "glbs/000-003/f1.glb"]
    assert all(model.path.is_file() for model in models)
    assert refused == []
    assert before == objaverse._VERSIONED_PATH


def test_mirror_is_version_folder(mirror):
    assert len(find_objects(settings(mirror=str(mirror / "hf-objaverse-v1")))) == 2


def test_too_few_instances_refused(mirror):
    with pytest.raises(DatasetError, match=r"'chair' has 2 .*3"):
        find_objects(settings(mirror=str(mirror), minimum_models=3))
    with pytest.raises(DatasetError, match="'sofa' has 0"):
        find_objects(settings(mirror=str(mirror), categories=("sofa",)))


def test_unknown_category_refused_with_suggestion(mirror):
    with pytest.raises(DatasetError, match=r"'chairs'; .*: chair"):
        find_objects(settings(mirror=str(mirror), categories=("chairs",)))


def test_cache_used_and_missing_quarantined(mirror):
    wanted = settings(cache=str(mirror))
    infos = find_objects(wanted)
    assert len(infos) == 3
    models, refused = fetch_objects(list(infos.values()), wanted)
    assert [model.info.model_id for model in models] == ["c1", "c3"]
    assert [(row.model_id, row.stage) for row in refused] == [("c2", "stage_dataset")]
    assert "no network for https://" in refused[0].reason


def test_missing_objects_downloaded(mirror, monkeypatch):
    def fetch(url, path):
        assert url.endswith("/glbs/000-001/c2.glb")
        trimesh.creation.box((1, 1, 1)).export(path, file_type="glb")

    monkeypatch.setattr("urllib.request.urlretrieve", fetch)
    wanted = settings(cache=str(mirror))
    models, refused = fetch_objects(list(find_objects(wanted).values()), wanted)
    assert len(models) == 3
    assert refused == []


def test_no_mirror_no_network_or_broken_annotations_refused(tmp_path, mirror):
    with pytest.raises(DatasetError, match=r"objaverse\.mirror: .*nowhere"):
        find_objects(settings(mirror=str(tmp_path / "nowhere")))
    with pytest.raises(DatasetError, match=r"no network for "):
        find_objects(settings(cache=str(tmp_path / "empty")))
    path = mirror / "hf-objaverse-v1" / "lvis-annotations.json.gz"
    content = path.read_bytes()
    broken_stream = content[:12] + bytes(8) + content[20:]
    for damaged in (content[:-8], broken_stream, b"plain", gzip.compress(b"[1]"), gzip.compress(b'{"chair": 3}')):
        path.write_bytes(damaged)
        with pytest.raises(DatasetError, match=r"lvis-annotations\.json\.gz"):
            find_objects(settings(mirror=str(mirror)))


def test_annotations_bomb_refused(mirror, monkeypatch):
    monkeypatch.setattr("shelfnet.data.sources.objaverse.MAX_ANNOTATIONS_BYTES", 1 << 20)
    path = mirror / "hf-objaverse-v1" / "lvis-annotations.json.gz"
    path.write_bytes(gzip.compress(bytes(1 << 24)))
    assert path.stat().st_size < 1 << 15
    with pytest.raises(DatasetError, match=r"json\.gz: .*at most 1048576 bytes .*correct"):
        find_objects(settings(mirror=str(mirror)))


def test_hostile_uids_ignored(mirror, caplog):
    version = mirror / "hf-objaverse-v1"
    write_gzip(version / "lvis-annotations.json.gz", {"chair": ["../../x", 7, "c1", "gone"]})
    (version / "glbs" / "000-000" / "gone.glb").symlink_to("nowhere.glb")
    assert list(find_objects(settings(mirror=str(mirror)))) == ["c1"]
    assert "gone.glb is a link to nowhere.glb" in caplog.text
    assert list(find_objects(settings(cache=str(mirror)))) == ["c1", "gone"]


def test_hub_cache_of_links_is_a_mirror(mirror, tmp_path):
    version = mirror / "hf-objaverse-v1"
    snapshot, blobs = tmp_path / "snapshots" / "r1", tmp_path / "blobs"
    blobs.mkdir()
    for number, path in enumerate(sorted(path for path in version.rglob("*") if path.is_file())):
        linked = snapshot / path.relative_to(version)
        linked.parent.mkdir(parents=True, exist_ok=True)
        path.rename(blobs / str(number))
        linked.symlink_to(blobs / str(number))
    wanted = settings(mirror=str(snapshot))
    models, refused = fetch_objects(list(find_objects(wanted).values()), wanted)
    assert [model.shown for model in models] == ["glbs/000-000/c1.glb", "glbs/000-002/c3.glb"]
    assert refused == []


def test_empty_categories_refused():
    with pytest.raises(ValueError, match="LVIS category"):
        DatasetSettings(kind="objaverse")


def test_category_tag():
    assert category_tag("folding_chair") == "Folding Chair"
    assert category_tag("pot_(cookware)") == "Pot"
    assert category_tag("Folding Chair") == "Folding Chair"
