"""A photo goes the way that images of the shards go."""

import io

import numpy as np
import pytest
from photographed import RENDER, BallNet, disc_png, write_views
from PIL import Image

from shelfnet.cli.predictor import EmptyMeshError, Predictor
from shelfnet.config.images import ImagesSettings
from shelfnet.config.meshes import ReconstructSettings, RefineSettings
from shelfnet.data.photographs.crops import median_object_share
from shelfnet.data.photographs.pixels import PhotoError
from shelfnet.data.predictions import read_predictions
from shelfnet.data.shards.encoding import UnusableImageError
from shelfnet.reconstruction.export import load_glb
from shelfnet.steps import reconstruct as step

SETTINGS = ReconstructSettings(resolution=16, level=0.5, texture="vertex")
REFINE = RefineSettings(
    iterations=12, learning_rate=6e-3, resolution_px=24, sigma=1e-4, max_faces=200, texture="vertex", faces_per_pixel=12
)


def predictor(model=None, share=0.6, refine=None, images=None):
    return Predictor(model or BallNet(), RENDER, share, images or ImagesSettings(), SETTINGS, refine, None)


def test_a_image_of_a_shard_gives_the_stages_own_mesh(tmp_path, monkeypatch):
    """The crop at the image's own share is the image."""
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
    predicted = predictor(share=median_object_share([image]), images=ImagesSettings(min_object_px=8))(photo, None)
    np.testing.assert_array_equal(predicted.crop, image)
    assert predicted.view.mask_iou == row.mask_iou
    loaded = load_glb(tmp_path / "coarse" / row.mesh)
    np.testing.assert_allclose(predicted.view.surface.mesh.vertices, loaded.mesh.vertices, atol=1e-6)
    np.testing.assert_array_equal(predicted.view.surface.mesh.faces, loaded.mesh.faces)


@pytest.mark.parametrize("share", [0.4, 0.8])
def test_the_object_is_as_large_as_the_network_knows_it(tmp_path, write_photo, share):
    crop = predictor(share=share)(write_photo(tmp_path / "a.png"), None).crop
    assert crop.shape == (RENDER.resolution_px, RENDER.resolution_px, 4)
    assert median_object_share([crop]) == pytest.approx(share, abs=1.5 / RENDER.resolution_px)


def test_refinement_covers_the_mask_better(tmp_path, write_photo):
    photo = write_photo(tmp_path / "a.png")
    coarse, refined = (predictor(share=0.44, refine=refine)(photo, None).view for refine in (None, REFINE))
    assert refined.mask_iou > coarse.mask_iou + 0.05
    assert len(refined.surface.mesh.faces) <= REFINE.max_faces


def test_what_a_network_does_not_see_is_an_error(tmp_path, write_photo):
    with pytest.raises(EmptyMeshError, match=r"sees nothing: no occupancy above 0\.5"):
        predictor(BallNet(radius=-1.0))(write_photo(tmp_path / "a.png"), None)


def test_masks_and_images_are_checked(tmp_path, write_photo):
    photo = write_photo(tmp_path / "a.png")
    with pytest.raises(PhotoError, match="a mask that covers"):
        predictor(images=ImagesSettings(min_coverage=0.5))(photo, None)
    with pytest.raises(PhotoError, match="at least 100 pixels"):
        predictor(images=ImagesSettings(min_object_px=100))(photo, None)
    black = np.asarray(Image.open(photo)).copy()
    black[..., :3] = 0
    Image.fromarray(black).save(photo)
    with pytest.raises(UnusableImageError, match="black all over"):
        predictor()(photo, None)
