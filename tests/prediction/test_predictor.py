"""Prediction from photos."""

import io

import numpy as np
import pytest
import torch
from photographed import AZIMUTH, ELEVATION, QUICK_REFINE, RENDER, BallNet, disc_png, write_photo, write_views
from PIL import Image
from run_descriptions import run_description

from shelfnet.config.images import ImagesSettings
from shelfnet.config.meshes import ReconstructSettings
from shelfnet.data.photographs.crops import median_object_share
from shelfnet.data.photographs.reader import PhotoError
from shelfnet.data.predictions import read_predictions
from shelfnet.data.shards.encoding import UnusableImageError
from shelfnet.networks.checkpoint import save_model
from shelfnet.networks.shelfnet import ShelfNet
from shelfnet.prediction.predictor import EmptyMeshError, Predictor
from shelfnet.reconstruction.coloured_mesh import load_glb
from shelfnet.steps import reconstruct as step

SETTINGS = ReconstructSettings(resolution=16, level=0.5, texture="vertex")


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
    assert predicted.mask_iou == row.mask_iou
    loaded = load_glb(tmp_path / "coarse" / row.mesh)
    np.testing.assert_allclose(predicted.mesh.vertices, loaded.mesh.vertices, atol=1e-6)
    np.testing.assert_array_equal(predicted.mesh.faces, loaded.mesh.faces)


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
    coarse, refined = (predictor(share=0.44, refine=refine)(photo) for refine in (None, QUICK_REFINE))
    assert refined.mask_iou > coarse.mask_iou + 0.05
    assert len(refined.mesh.faces) <= QUICK_REFINE.max_faces


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


def test_batch_gives_what_single_photos_give(tmp_path):
    photos = [write_photo(tmp_path / "a.png"), write_photo(tmp_path / "b.png", radius_px=20.0, background=200)]
    mask = np.asarray(Image.open(photos[1]))[..., 3]
    pixels = np.asarray(Image.open(photos[1]))[..., :3]
    network = predictor(share=0.44, refine=QUICK_REFINE.model_copy(update={"iterations": 4, "batch_size": 2}))
    together = network.predict_batch([str(photos[0]), pixels, photos[0]], [None, mask, None])
    alone = [network(photos[0]), network(photos[1]), network(photos[0])]
    for batched, single in zip(together, alone, strict=True):
        np.testing.assert_array_equal(batched.crop, single.crop)
        np.testing.assert_allclose(batched.mesh.vertices, single.mesh.vertices, atol=1e-4)
        assert batched.view.azimuth_deg == pytest.approx(single.view.azimuth_deg, abs=0.1)
    assert network.predict_batch([]) == []
    with pytest.raises(ValueError, match="2 masks for 1"):
        network.predict_batch(photos[:1], [None, None])


def test_result_holds_view_and_mask(tmp_path):
    photo = write_photo(tmp_path / "a.png")
    predicted = predictor()(photo)
    assert predicted.view.azimuth_deg == pytest.approx(np.rad2deg(AZIMUTH), abs=1e-4)
    assert predicted.view.elevation_deg == pytest.approx(np.rad2deg(ELEVATION), abs=1e-4)
    assert (predicted.view.fov_deg, predicted.view.distance) == (RENDER.fov_deg, RENDER.camera_distance)
    np.testing.assert_array_equal(predicted.mask, np.asarray(Image.open(photo))[..., 3])
    assert predicted.seconds > 0.0
    written = predicted.export(str(tmp_path / "chair.glb"))
    np.testing.assert_allclose(load_glb(written).mesh.vertices, predicted.mesh.vertices, atol=1e-6)


def test_pretrained_predictor_follows_its_checkpoint(tmp_path, monkeypatch):
    """The network is real but untrained; its level is below every occupancy, so that there is a surface."""
    description = run_description(
        ablation="tiny",
        iterations=3,
        render={"fov_deg": 30.0, "resolution_px": 32},
        reconstruct={"resolution": 8, "level": 0.001},
        refine={"iterations": 2, "max_faces": 100, "texture": "vertex", "resolution_px": 24},
    )
    torch.manual_seed(0)
    save_model(tmp_path / "run", ShelfNet(description.model, description.render), description.model_dump(mode="json"))
    monkeypatch.chdir(tmp_path)
    loaded = Predictor.from_pretrained(str(tmp_path / "run"), overrides={"refine": {"max_faces": 60}})
    assert (loaded.render, loaded.reconstruct) == (description.render, description.reconstruct)
    assert loaded.refine == description.refine.model_copy(update={"max_faces": 60})
    assert "tiny" in loaded.name and "3 iterations" in loaded.name
    assert Predictor.from_pretrained(tmp_path / "run", "cpu", refine=False).refine is None
    assert len(loaded(write_photo(tmp_path / "a.png")).mesh.faces) <= 60
