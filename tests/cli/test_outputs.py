"""Output paths of photos, and arguments that are refused."""

import logging
from pathlib import Path

import pytest
from unprivileged import reachable_folder, unprivileged

from shelfnet.cli.errors import UsageError
from shelfnet.cli.outputs import destinations, plan_outputs


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    for name in ("b.jpg", "a.png", "a_mask.png", "old/a.png", "old/masks/a.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    return folder


def plan(photos, output, mask=None, preview=None, turntable=None, format_=None):
    wanted = destinations(output, format_, preview, turntable)
    return plan_outputs([photos] if isinstance(photos, Path) else photos, mask, wanted)


def test_one_photo_to_a_file(photos, tmp_path):
    (outputs,) = plan(photos / "a.png", tmp_path / "chair.GLB", preview=tmp_path / "chair.png")
    assert (outputs.photo, outputs.mask) == (photos / "a.png", photos / "a_mask.png")
    assert (outputs.mesh, outputs.preview) == (tmp_path / "chair.GLB", tmp_path / "chair.png")


def test_mask_option_replaces_mask_file(photos, tmp_path):
    (outputs,) = plan(photos / "a.png", tmp_path / "chair.glb", mask=photos / "b.jpg")
    assert outputs.mask == photos / "b.jpg"


def test_one_photo_to_a_folder(photos, tmp_path):
    (outputs,) = plan(photos / "b.jpg", tmp_path / "out", preview=tmp_path / "seen")
    assert (outputs.mesh, outputs.preview) == (tmp_path / "out" / "b.glb", tmp_path / "seen" / "b.png")
    (tmp_path / "v1.0").mkdir()
    assert plan(photos / "b.jpg", tmp_path / "v1.0")[0].mesh == tmp_path / "v1.0" / "b.glb"


def test_folder_structure_is_kept(photos, tmp_path):
    planned = plan(photos, tmp_path / "out", preview=tmp_path / "seen")
    assert [outputs.mesh.relative_to(tmp_path / "out").as_posix() for outputs in planned] == [
        "a.glb",
        "b.glb",
        "old/a.glb",
    ]
    assert [outputs.preview and outputs.preview.relative_to(tmp_path / "seen").as_posix() for outputs in planned] == [
        "a.png",
        "b.png",
        "old/a.png",
    ]
    assert [outputs.mask for outputs in planned] == [photos / "a_mask.png", None, photos / "old" / "masks" / "a.png"]


def test_equal_names_are_numbered(photos, tmp_path):
    (photos / "B.png").write_bytes(b"")
    several = [photos / "b.jpg", photos / "old" / "a.png", photos / "B.png", photos / "a.png"]
    assert [outputs.mesh.name for outputs in plan(several, tmp_path / "out")] == [
        "b.glb",
        "a.glb",
        "B_2.glb",
        "a_2.glb",
    ]


def test_missing_photo_is_planned(photos, tmp_path):
    assert plan([photos / "b.jpg", photos / "gone.jpg"], tmp_path / "out")[1].photo == photos / "gone.jpg"


@pytest.mark.parametrize(
    ("inputs", "options", "message"),
    [
        ("photos", {"mask": "m.png"}, "--mask"),
        ("photos", {"output": "x.glb"}, r"--output .*x\.glb"),
        ("photos", {"preview": "x.png"}, r"--preview .*x\.png"),
        ("photos/b.jpg", {"output": "x.fbx"}, r"x\.fbx.*\.glb, \.obj, \.ply, \.stl"),
        ("photos/b.jpg", {"output": "x.obj", "format_": "stl"}, r"x\.obj.*stl"),
        ("photos", {"output": "photos", "format_": "obj"}, "--output .*photos"),
        ("photos/b.jpg", {"turntable": "x.png"}, r"x\.png.*\.gif"),
        ("photos", {"turntable": "photos/turning"}, "--turntable .*turning"),
        ("photos/b.jpg", {"preview": "x.jpg"}, r"x\.jpg.*\.png"),
        ("photos/b.jpg", {"output": "file"}, r"--output .*file: "),
        ("photos/a.png", {"preview": "photos/a.png"}, r"a\.png.*replace"),
        ("photos/a.png", {"preview": "photos/a_mask.png"}, r"a_mask\.png.*replace"),
        ("photos", {"preview": "photos/seen"}, "--preview .*seen"),
        ("bare", {}, "bare: "),
    ],
)
def test_impossible_arguments_are_refused(photos, tmp_path, inputs, options, message):
    (tmp_path / "bare").mkdir()
    (tmp_path / "file").write_bytes(b"")
    places = {"output": tmp_path / "out"} | {
        name: place if name == "format_" else tmp_path / place for name, place in options.items()
    }
    with pytest.raises(UsageError, match=message):
        plan(tmp_path / inputs, **places)


def test_masks_that_a_shell_pattern_matches_are_not_photos(photos, tmp_path, caplog):
    matched = sorted(path for path in photos.rglob("*") if path.is_file())
    with caplog.at_level(logging.INFO, "shelfnet"):
        planned = plan(matched, tmp_path / "out")
    assert [outputs.photo for outputs in planned] == [photos / "a.png", photos / "b.jpg", photos / "old" / "a.png"]
    assert "a_mask.png" in caplog.text and str(photos / "old" / "masks" / "a.png") in caplog.text


def test_photo_and_its_mask_are_one_photo(photos, tmp_path):
    (outputs,) = plan([photos / "a.png", photos / "a_mask.png"], tmp_path / "chair.glb")
    assert (outputs.photo, outputs.mask) == (photos / "a.png", photos / "a_mask.png")
    assert outputs.mesh == tmp_path / "chair.glb"


def test_mask_without_its_photo_is_a_photo(photos, tmp_path):
    assert plan(photos / "a_mask.png", tmp_path / "out")[0].photo == photos / "a_mask.png"


@pytest.mark.parametrize("name", ["meshes_v1.0", "2026.11.28", "run.new", "v2.final"])
def test_folder_names_may_have_a_dot(photos, tmp_path, name):
    (outputs,) = plan(photos / "b.jpg", tmp_path / name, preview=tmp_path / "seen" / name)
    assert outputs.mesh == tmp_path / name / "b.glb"
    assert outputs.preview == tmp_path / "seen" / name / "b.png"
    assert plan(photos, tmp_path / name)[0].mesh == tmp_path / name / "a.glb"


@pytest.mark.parametrize("name", ["chair.GLTF", "chair.fbx", "chair.usdz", "chair.png"])
def test_other_file_formats_are_not_taken_for_folders(photos, tmp_path, name):
    with pytest.raises(UsageError, match=name):
        plan(photos / "b.jpg", tmp_path / name)


def test_folder_that_may_not_be_read_is_named(tmp_path):
    with reachable_folder() as folder:
        (folder / "closed").mkdir(0o700)
        with unprivileged(), pytest.raises(UsageError, match=r"closed: this user may not read"):
            plan(folder / "closed", tmp_path / "out")


def test_suffix_of_the_output_is_the_format(photos, tmp_path):
    assert plan(photos / "b.jpg", tmp_path / "chair.STL")[0].mesh == tmp_path / "chair.STL"
    (outputs,) = plan(photos / "b.jpg", tmp_path / "chair.ply", turntable=tmp_path / "chair.webp", format_="ply")
    assert (outputs.mesh, outputs.turntable) == (tmp_path / "chair.ply", tmp_path / "chair.webp")
    several = plan(photos, tmp_path / "meshes_v1.0", turntable=tmp_path / "turning", format_="obj")
    assert several[2].mesh == tmp_path / "meshes_v1.0" / "old" / "a.obj"
    assert several[2].turntable == tmp_path / "turning" / "old" / "a.gif"


def test_texture_of_an_obj_does_not_replace_a_photo(photos):
    photo = (photos / "a.png").rename(photos / "chair_texture.png")
    with pytest.raises(UsageError, match=r"chair_texture\.png"):
        plan(photo, photos / "chair.obj")
    assert plan(photo, photos / "chair.glb")[0].mesh == photos / "chair.glb"
