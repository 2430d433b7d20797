"""Sentences of the page: what a result is, and what is wrong with a photo."""

import numpy as np
import pytest
from photographed import RENDER, BallNet, write_photo
from PIL import Image

from shelfnet.config.meshes import ReconstructSettings
from shelfnet.demo.messages import fault, summary
from shelfnet.prediction.predictor import PHOTO_ERRORS, Predictor

PREDICTOR = Predictor(BallNet(), RENDER, 0.8, reconstruct=ReconstructSettings(resolution=16, texture="vertex"))


def fault_of(photo, mask=None):
    with pytest.raises(PHOTO_ERRORS) as raised:
        PREDICTOR(photo, mask)
    return fault(raised.value, photo, [path for path in (photo, mask) if path])


def test_summary_names_source_view_and_time(tmp_path):
    told = summary(PREDICTOR(write_photo(tmp_path / "a.png")))
    assert "the alpha channel" in told
    assert "azimuth <b>29°</b> and elevation <b>6°</b>" in told
    assert " s</b>" in told


def test_text_that_is_called_an_image(tmp_path):
    photo = tmp_path / "folder" / "a.png"
    photo.parent.mkdir()
    photo.write_text("no image")
    told = fault_of(photo)
    assert "a.png: " in told and "PNG" in told
    assert "folder" not in told and "\n" not in told


def test_photo_of_nothing(tmp_path):
    Image.new("RGB", (90, 60), "white").save(tmp_path / "a.png")
    told = fault_of(tmp_path / "a.png")
    assert "nothing stands out" in told and "plain background" in told
    assert str(tmp_path) not in told and "masks/" not in told


def test_mask_of_another_shape_is_named(tmp_path):
    Image.fromarray(np.eye(50, dtype=np.uint8) * 255).save(tmp_path / "mine.png")
    told = fault_of(write_photo(tmp_path / "a.png"), tmp_path / "mine.png")
    assert "mine.png: " in told and "a.png" in told
    assert str(tmp_path) not in told


def test_names_cannot_add_markup(tmp_path):
    photo = tmp_path / "<img src=x>.png"
    photo.write_text("no image")
    assert "<img" not in fault_of(photo)
