"""``shelfnet predict``: files, printed lines and exit codes."""

import os
import re

import numpy as np
import pytest
import torch
import trimesh
from photographed import RADIUS, BallNet, write_photo
from PIL import Image
from run_descriptions import write_run_description
from trimesh.visual import ColorVisuals, TextureVisuals

from shelfnet.cli import predict as command
from shelfnet.cli.main import main
from shelfnet.cli.previews import CELL_PX, COLUMNS
from shelfnet.data.glb import read_glb
from shelfnet.data.photographs.reader import PhotoError
from shelfnet.networks import segmenter
from shelfnet.networks.checkpoint import load_model
from shelfnet.prediction import predictor, turntable
from shelfnet.reconstruction.coloured_mesh import load_glb

pytestmark = pytest.mark.usefixtures("checkpoint")


def predict(*arguments):
    return main(["predict", *map(str, arguments)])


def test_one_photo(tmp_path, capsys):
    assert predict(write_photo(tmp_path / "a.png"), "-o", tmp_path / "new" / "chair.glb", "--no-refine") == 0
    mesh = load_glb(tmp_path / "new" / "chair.glb").mesh
    np.testing.assert_allclose(np.linalg.norm(mesh.vertices, axis=1), RADIUS, atol=0.01)
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["chair.glb"]
    lines = capsys.readouterr().out.splitlines()
    assert re.match(r"model results/base/seed0 \(base, 7 iterations\) on CPU.*, loaded in \d+\.\d s$", lines[0])
    measured = rf"{len(mesh.faces)} faces, mask from alpha, mask IoU \d\.\d\d, \d+\.\d\d s, peak memory \d+ MB"
    assert re.match(rf"\[1/1\] .*a\.png -> .*chair\.glb: {measured}", lines[1])
    assert re.match(r"1 photo\(s\): 1 mesh\(es\), 0 skipped; \d+\.\d\d s .* each\); peak memory \d+ MB", lines[2])


def write_carpet(path):
    """A photo of nothing but a rough background, of the size of the other photos."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 160, 3), np.uint8)).save(path)
    return path


def test_photo_on_plain_background_needs_no_mask(tmp_path, capsys):
    photo = write_photo(tmp_path / "a.png", alpha=False)
    photo.with_name("a_mask.png").unlink()
    assert predict(photo, "-o", tmp_path / "a.glb") == 0
    assert "mask from plain background" in capsys.readouterr().out


@pytest.mark.parametrize("stage", [["--no-refine"], []])
def test_texture_option(tmp_path, stage):
    assert predict(write_photo(tmp_path / "a.png"), "-o", tmp_path / "a.glb", "--texture", "atlas", *stage) == 0
    assert predict(write_photo(tmp_path / "a.png"), "-o", tmp_path / "b.glb", "--texture", "vertex", *stage) == 0
    baked, plain = (read_glb(tmp_path / name).visual for name in ("a.glb", "b.glb"))
    assert isinstance(baked, TextureVisuals) and isinstance(plain, ColorVisuals)


def test_bad_photo_is_reported_and_skipped(tmp_path, capsys):
    photos = tmp_path / "photos"
    write_photo(photos / "a.png")
    (photos / "b.jpg").write_bytes(b"no image")
    write_carpet(photos / "c.png")
    write_photo(photos / "sub" / "d.jpg", alpha=False)
    assert predict(photos, "-o", tmp_path / "out") == 1
    assert sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*")) == [
        "a.glb",
        "sub/d.glb",
    ]
    told = capsys.readouterr()
    assert re.search(r"\[2/4\] .*b\.jpg: skipped: expected a whole image", told.err)
    assert re.search(r"\[3/4\] .*c\.png: skipped: expected a mask.*the background is not plain.*--mask", told.err)
    assert "[4/4]" in told.out and "4 photo(s): 2 mesh(es), 2 skipped" in told.out


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_mask_option(tmp_path, device):
    mask = write_photo(tmp_path / "b.png", alpha=False).with_name("b_mask.png").rename(tmp_path / "elsewhere.png")
    photo = write_carpet(tmp_path / "a.png")
    assert predict(photo, "-o", tmp_path / "without.glb", "--device", device) == 1
    assert predict(photo, "-o", tmp_path / "with.glb", "--mask", mask, "--device", device, "--no-refine") == 0
    assert not (tmp_path / "without.glb").exists()
    radii = np.linalg.norm(load_glb(tmp_path / "with.glb").mesh.vertices, axis=1)
    np.testing.assert_allclose(radii, RADIUS, atol=0.01)


def test_missing_photo_is_reported_and_skipped(tmp_path, capsys):
    assert predict(tmp_path / "gone.png", write_photo(tmp_path / "a.png"), "-o", tmp_path / "out") == 1
    assert "[1/2]" in capsys.readouterr().err
    assert (tmp_path / "out" / "a.glb").exists()


def test_empty_prediction_writes_no_file(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(predictor, "load_model", lambda folder, device: BallNet(radius=-1.0))
    assert predict(write_photo(tmp_path / "a.png"), "-o", tmp_path / "chair.glb") == 1
    assert "a.png: skipped" in capsys.readouterr().err
    assert not (tmp_path / "chair.glb").exists()


def test_unwritable_output_is_reported(tmp_path, capsys):
    (tmp_path / "file").write_bytes(b"")
    assert predict(write_photo(tmp_path / "a.png"), "-o", tmp_path / "file" / "chair.glb") == 1
    assert "skipped" in capsys.readouterr().err


def spy_on_predictor(monkeypatch):
    made = []
    genuine = command.Predictor.from_pretrained

    def load(*arguments):
        made.append(genuine(*arguments))
        return made[-1]

    monkeypatch.setattr(command.Predictor, "from_pretrained", load)
    return made


def test_object_share_is_that_of_the_checkpoint(tmp_path, checkpoint, monkeypatch):
    write_run_description(checkpoint, object_share=0.7)
    (tmp_path / "other.yaml").write_text("dataset: {images: {object_share: 0.55}}\nreconstruct: {resolution: 16}")
    made = spy_on_predictor(monkeypatch)
    predict(write_photo(tmp_path / "a.png"), "-o", "x.glb", "--no-refine", "--config", tmp_path / "other.yaml")
    assert (made[0].object_share, made[0].reconstruct.resolution, made[0].refine) == (0.7, 16, None)


def test_refine_option(tmp_path, monkeypatch):
    made = spy_on_predictor(monkeypatch)
    assert predict(write_photo(tmp_path / "a.png"), "-o", tmp_path / "x.glb") == 0
    assert predict(write_photo(tmp_path / "a.png"), "-o", tmp_path / "y.glb", "--no-refine") == 0
    assert (made[0].refine.iterations, made[1].refine) == (2, None)
    assert len(load_glb(tmp_path / "x.glb").mesh.faces) <= 200


def test_image_options(tmp_path, monkeypatch):
    monkeypatch.setattr(turntable, "FRAMES", 3)
    photo = write_photo(tmp_path / "a.png")
    options = ("--preview", tmp_path / "seen" / "x.png", "--turntable", tmp_path / "seen" / "x.gif")
    assert predict(photo, "-o", tmp_path / "x.ply", *options) == 0
    with Image.open(tmp_path / "seen" / "x.png") as preview, Image.open(tmp_path / "seen" / "x.gif") as animation:
        assert preview.width == COLUMNS * CELL_PX
        assert getattr(animation, "n_frames", 1) == 3
    assert len(trimesh.load_mesh(tmp_path / "x.ply").faces) > 0


def test_format_option(tmp_path):
    write_photo(tmp_path / "photos" / "a.png")
    out = tmp_path / "meshes_v1.0"
    assert predict(tmp_path / "photos", "-o", out, "--format", "obj", "--texture", "atlas", "--texture-size", "64") == 0
    assert sorted(path.name for path in out.iterdir()) == ["a.mtl", "a.obj", "a_texture.png"]
    with Image.open(out / "a_texture.png") as texture:
        assert texture.size == (64, 64)


@pytest.mark.parametrize("stage", ["--refine", "--no-refine"])
def test_faces_option(tmp_path, stage):
    assert predict(write_photo(tmp_path / "a.png"), "-o", tmp_path / "a.stl", "--faces", 100, stage) == 0
    assert len(trimesh.load_mesh(tmp_path / "a.stl").faces) <= 100


def test_segmenter_options(tmp_path, monkeypatch, capsys):
    asked = []

    def build(settings, device):
        asked.append(settings)
        return segment

    def segment(rgb):
        if rgb[..., 0].min() == 255:
            raise PhotoError("the segmenter sees no bed")
        return (rgb[..., 0] < 250).astype(np.float32)

    monkeypatch.setattr(segmenter, "build_segmenter", build)
    photo = write_photo(tmp_path / "a.jpg", alpha=False)
    photo.with_name("a_mask.png").unlink()
    Image.new("RGB", (50, 50), "white").save(tmp_path / "b.jpg")
    (tmp_path / "segmented.yaml").write_text("dataset: {images: {plain_background: false}}")
    options = ("--segmenter", "mask_rcnn", "--segmenter-weights", "w.pth", "--segmenter-category", "bed")
    options += ("--config", tmp_path / "segmented.yaml")
    assert predict(photo, tmp_path / "b.jpg", "-o", tmp_path / "out", *options) == 1
    assert (asked[0].kind, asked[0].weights, asked[0].path, asked[0].categories) == (
        "mask_rcnn", "file", "w.pth", ("bed",),
    )  # fmt: skip
    assert (tmp_path / "out" / "a.glb").exists()
    assert "b.jpg: skipped: the segmenter sees no bed" in capsys.readouterr().err


def refusal(capsys, *arguments):
    assert predict(*arguments) == 2
    return capsys.readouterr().err


def test_unusable_arguments_exit_with_2(tmp_path, checkpoint, capsys):
    photo, output = write_photo(tmp_path / "a.png"), tmp_path / "x.glb"
    assert "nowhere" in refusal(capsys, photo, "-o", output, "--checkpoint", tmp_path / "nowhere")
    assert "x.fbx" in refusal(capsys, photo, "-o", tmp_path / "x.fbx")
    assert "max_faces" in refusal(capsys, photo, "-o", output, "--faces", "0")
    assert "no.yaml" in refusal(capsys, photo, "-o", output, "--config", tmp_path / "no.yaml")
    absent = ("--segmenter", "mask_rcnn", "--segmenter-weights", tmp_path / "no.pth")
    assert "no.pth" in refusal(capsys, photo, "-o", output, *absent)
    (checkpoint / "model.json").write_text("{}")
    assert "model.json" in refusal(capsys, photo, "-o", output)
    (checkpoint / "model.json").unlink()
    assert "snakemake" in refusal(capsys, photo, "-o", output)
    assert not output.exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_missing_gpu_exits_with_2(tmp_path, capsys):
    told = refusal(capsys, write_photo(tmp_path / "a.png"), "-o", tmp_path / "x.glb", "--device", "cuda")
    assert "device" in told and "GPU" in told


def test_working_folder_does_not_change_the_mesh(tmp_path, checkpoint, monkeypatch):
    """A configuration in the working directory belongs to the workflow; ``--config`` overrides the checkpoint."""
    photo = write_photo(tmp_path / "a.png")
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    coarser = tmp_path / "two" / "config.yaml"
    coarser.write_text("reconstruct: {resolution: 8, level: 0.9, texture: atlas}\nrefine: {max_faces: 60}\n")
    for folder in ("one", "two"):
        monkeypatch.chdir(tmp_path / folder)
        assert predict(photo, "-o", "x.glb", "--checkpoint", checkpoint, "--refine") == 0
    assert predict(photo, "-o", "y.glb", "--checkpoint", checkpoint, "--refine", "--config", coarser) == 0
    one, two, other = (tmp_path / name for name in ("one/x.glb", "two/x.glb", "two/y.glb"))
    assert one.read_bytes() == two.read_bytes()
    assert len(load_glb(other).mesh.faces) <= 60 < len(load_glb(two).mesh.faces)


@pytest.mark.parametrize(
    ("name", "content"),
    [("model.json", b'{"model_type": "bert"}'), ("model.json", b"\xff"), ("model.safetensors", b"\x80\x02pickle")],
)
def test_weights_of_another_program_are_refused_in_one_line(tmp_path, checkpoint, monkeypatch, capsys, name, content):
    monkeypatch.setattr(predictor, "load_model", load_model)
    (checkpoint / "model.safetensors").write_bytes(b"")
    (checkpoint / name).write_bytes(content)
    (line,) = refusal(capsys, write_photo(tmp_path / "a.png"), "-o", tmp_path / "x.glb").splitlines()[-1:]
    assert name in line and len(line) < 500


def test_names_cannot_command_the_terminal(tmp_path, capsys):
    colour = "\x1b]0;title\x07\x1b[31m"
    good = write_photo(tmp_path / f"good{colour}.png")
    bad = tmp_path / f"bad{colour}.png"
    bad.write_bytes(b"no image")
    surrogate = tmp_path / "missing\udcff.png"
    assert predict(good, bad, surrogate, "-o", tmp_path / "out", "--no-refine") == 1
    assert predict(good, "-o", tmp_path / f"a{colour}.glb", "--format", "obj") == 2
    with pytest.raises(SystemExit):
        predict(good, "-o", tmp_path / "out", f"--{colour}")
    printed = "".join(capsys.readouterr())
    assert not set(printed) & {"\x1b", "\x07", "\udcff"}
    assert printed.count(r"\x1b]0;title\x07\x1b[31m") >= 4 and r"\udcff" in printed


def test_a_pipe_is_no_photo(tmp_path, capsys):
    os.mkfifo(tmp_path / "a.png")
    assert predict(tmp_path / "a.png", "-o", tmp_path / "a.glb") == 1
    assert "skipped: expected a file, got a pipe or a device" in capsys.readouterr().err


def test_infinite_fields_are_one_line(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(predictor, "load_model", lambda folder, device: BallNet(float("nan")))
    assert predict(write_photo(tmp_path / "a.png"), "-o", tmp_path / "a.glb") == 1
    assert capsys.readouterr().err.count("\n") == 1
