"""Prediction from photos."""

import io

import numpy as np
import pytest
from photographed import RENDER, BallNet, disc_png, write_photo, write_views
from PIL import Image

from shelfnet.config.images import ImagesSettings
from shelfnet.config.meshes import ReconstructSettings, RefineSettings
from shelfnet.data.photographs.crops import median_object_share
from shelfnet.data.photographs.reader import PhotoError
from shelfnet.data.predictions import read_predictions
from shelfnet.data.shards.encoding import UnusableImageError
from shelfnet.prediction.predictor import EmptyMeshError, Predictor
from shelfnet.reconstruction.coloured_mesh import load_glb
from shelfnet.steps import reconstruct as step

SETTINGS = ReconstructSettings(resolution=16, level=0.5, texture="vertex")
REFINE = RefineSettings(
    iterations=12,
    learning_rate=6e-3,
    smoothing_length=0.12,
    resolution_px=24,
    sigma=1e-4,
    max_faces=200,
    texture="vertex",
    faces_per_pixel=12,
)


def predictor(model=None, share=0.6, refine=None, images=None):
    return Predictor(model or BallNet(), RENDER, share, images or ImagesSettings(), SETTINGS, refine, None)


def test_predictor_agrees_with_reconstruct_step(tmp_path, monkeypatch):
    """With the image's own object share, the crop is the image itself."""
    radius_px = 8.0
    monkeypatch.setattr(step, "load_model", lambda folder, device: BallNet())
    step.reconstruct(
        settings=SETTINGS,
        render=RENDER,
        checkpoint=tmp_path / "base" / "seed0",
        shards=[write_views(tmp_path / "shard.parquet", radius_px)],
        part=0,
        device="cpu",
        output=tmp_path / "coarse",
        journal=tmp_path / "journal.jsonl",
    )
    row = read_predictions(tmp_path / "coarse")[0]
    photo = tmp_path / "photo.png"
    photo.write_bytes(disc_png(radius_px))
    image = np.asarray(Image.open(io.BytesIO(disc_png(radius_px))))
    predicted = predictor(share=median_object_share([image]), images=ImagesSettings(min_object_px=8))(photo)
    np.testing.assert_array_equal(predicted.crop, image)
    assert predicted.reconstruction.mask_iou == row.mask_iou
    loaded = load_glb(tmp_path / "coarse" / row.mesh)
    np.testing.assert_allclose(predicted.reconstruction.surface.mesh.vertices, loaded.mesh.vertices, atol=1e-6)
    np.testing.assert_array_equal(predicted.reconstruction.surface.mesh.faces, loaded.mesh.faces)


@pytest.mark.parametrize("share", [0.4, 0.8])
def test_crop_has_object_share(tmp_path, share):
    crop = predictor(share=share)(write_photo(tmp_path / "a.png")).crop
    assert crop.shape == (RENDER.resolution_px, RENDER.resolution_px, 4)
    assert median_object_share([crop]) == pytest.approx(share, abs=1.5 / RENDER.resolution_px)


def test_stray_pixel_of_the_mask_does_not_move_the_crop(tmp_path, caplog):
    photo = write_photo(tmp_path / "a.png")
    clean = predictor()(photo).crop
    stray = np.asarray(Image.open(photo)).copy()
    stray[0, 0, 3] = 255
    Image.fromarray(stray).save(photo)
    np.testing.assert_array_equal(predictor()(photo).crop, clean)
    assert str(photo) in caplog.text


def test_refinement_raises_mask_iou(tmp_path):
    photo = write_photo(tmp_path / "a.png")
    coarse, refined = (predictor(share=0.44, refine=refine)(photo).reconstruction for refine in (None, REFINE))
    assert refined.mask_iou > coarse.mask_iou + 0.05
    assert len(refined.surface.mesh.faces) <= REFINE.max_faces


def test_empty_prediction_is_an_error(tmp_path):
    with pytest.raises(EmptyMeshError):
        predictor(BallNet(radius=-1.0))(write_photo(tmp_path / "a.png"))


def test_unusable_photos_are_refused(tmp_path):
    photo = write_photo(tmp_path / "a.png")
    with pytest.raises(PhotoError, match="mask"):
        predictor(images=ImagesSettings(min_coverage=0.5))(photo)
    with pytest.raises(PhotoError, match="100"):
        predictor(images=ImagesSettings(min_object_px=100))(photo)
    black = np.asarray(Image.open(photo)).copy()
    black[..., :3] = 0
    Image.fromarray(black).save(photo)
    with pytest.raises(UnusableImageError):
        predictor()(photo)
