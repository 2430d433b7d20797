import math

import bpy
import numpy as np
import pytest
from box_models import ASYMMETRIC, SINGLE, cameras, write_obj, write_textured
from PIL import Image

from shelfnet.blender import models
from shelfnet.blender.engine import CyclesEngine, CyclesQuality

FOV = math.radians(35)
CAMERAS = cameras((0, 10), (70, 20))


def engine(threads=1):
    return CyclesEngine(CyclesQuality(resolution_px=32, samples=4, denoise=False), FOV, threads=threads)


def repaint(folder, colour):
    Image.fromarray(np.full((32, 32, 3), colour, dtype=np.uint8)).save(folder / "texture.png")


def test_pixels_independent_of_threads(tmp_path):
    path = write_textured(tmp_path, ASYMMETRIC)
    images = []
    for threads in (1, 1, 3):
        with engine(threads) as cycles:
            images.append(cycles.render(path, CAMERAS))
    np.testing.assert_array_equal(images[0], images[1])
    np.testing.assert_array_equal(images[0], images[2])


def test_pixels_independent_of_earlier_models(tmp_path):
    paths = [write_textured(tmp_path / str(index), (ASYMMETRIC, SINGLE)[index % 2]) for index in range(4)]
    for index, path in enumerate(paths):
        repaint(path.parent, (60 * index, 40, 200 - 60 * index))
    with engine() as cycles:
        together = [cycles.render(path, CAMERAS) for path in paths]
    for path, image in zip(paths, together, strict=True):
        with engine() as cycles:
            np.testing.assert_array_equal(cycles.render(path, CAMERAS), image)


def test_model_imported_once(tmp_path, monkeypatch):
    imports = []
    original = models._import
    monkeypatch.setattr(models, "_import", lambda *arguments: imports.append(1) or original(*arguments))
    with engine() as cycles:
        images = cycles.render(write_obj(tmp_path), np.concatenate([CAMERAS, CAMERAS]))
    assert (len(images), len(imports)) == (4, 1)


def test_views_have_different_noise(tmp_path):
    with engine() as cycles:
        first, second = cycles.render(write_obj(tmp_path), CAMERAS[[0, 0]])
    assert (first != second).any()
    np.testing.assert_allclose(first[..., 3], second[..., 3], atol=160)


def test_exit_empties_blender(tmp_path):
    with engine() as cycles:
        cycles.render(write_obj(tmp_path), CAMERAS[:1])
    assert len(bpy.data.objects) == len(bpy.data.meshes) == 0


def test_stdout_is_quiet(tmp_path, capfd):
    with engine() as cycles:
        cycles.render(write_obj(tmp_path), CAMERAS[:1])
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("denoise", [False, True])
def test_denoising_smooths_flat_face(tmp_path, denoise):
    quality = CyclesQuality(resolution_px=32, samples=2, denoise=denoise)
    with CyclesEngine(quality, FOV) as cycles:
        image = cycles.render(write_obj(tmp_path, SINGLE), cameras((0, 0)))[0]
    noise = image[12:20, 12:20, :3].astype(float).std()
    assert bool(noise < 2.0) is denoise
