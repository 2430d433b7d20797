"""Validation during training."""

import numpy as np
import pytest
import torch
import trimesh
from photographed import RENDER, disc_png

from shelfnet.config.load import validate
from shelfnet.config.stage_inputs import train_inputs
from shelfnet.data.shards.writer import write_shard
from shelfnet.data.surfaces import measure_surface, write_surfaces
from shelfnet.evaluation.alignment import YRotation
from shelfnet.geometry.meshes import Mesh, normalise
from shelfnet.steps.validation import ShapeValidator, SilhouetteValidator, ValidationPredictions
from shelfnet.training.state import build_model

SETTINGS = {
    "render": RENDER.model_dump(mode="json"),
    "model": {
        "encoder": {"input_px": 32, "blocks": [1], "widths": [8], "latent_dim": 8, "camera_hypotheses": 2},
        "decoder": {"base_channels": 8, "feature_channels": 4, "feature_resolution": 8, "occupancy_resolution": 16},
        "renderer": {"resolution_px": 16, "samples_per_ray": 8, "feature_samples_per_ray": None, "colour_hidden": 8},
        "discriminator": {"base_channels": 8, "max_channels": 8},
    },
    "evaluate": {"alignment_steps": 24},
}
CONFIG = train_inputs(validate(SETTINGS))
LEVEL = 0.05
TRUE_AZIMUTHS_DEG = np.array([-170.0, 10.0, 100.0])
TURN_DEG = 40.0
NOTHING = Mesh(np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int64))


def seat() -> Mesh:
    """A seat with a back on one side, without rotational symmetry."""
    bounds = ([(-0.5, -0.2, -0.3), (0.5, 0.0, 0.3)], [(-0.5, 0.0, -0.3), (-0.3, 0.4, 0.1)])
    joined = trimesh.util.concatenate([trimesh.creation.box(bounds=box) for box in bounds])
    return normalise(Mesh(np.asarray(joined.vertices, dtype=np.float64), np.asarray(joined.faces, dtype=np.int64)))


@pytest.fixture
def shards(tmp_path):
    """Three images of one validation model: discs of different sizes."""
    tags = dict.fromkeys(("category", "super_category", "style", "theme", "material"))
    rows = [
        {
            "model_id": "v0",
            "split": "validation",
            "view": view,
            "image": {"bytes": disc_png(5.0 + 3.0 * view), "path": None},
            "caption": "a chair",
            **tags,
            "azimuth_deg": azimuth_deg,
            "elevation_deg": 10.0,
            "cam2world": [0.0] * 16,
            "fov_deg": 35.0,
            "engine": "none",
            "seed": 0,
        }
        for view, azimuth_deg in enumerate(TRUE_AZIMUTHS_DEG)
    ]
    write_shard(tmp_path / "shard.parquet", rows)
    return [tmp_path / "shard.parquet"]


@pytest.fixture
def validator(tmp_path, shards):
    """ShapeValidator on the images, with the seat as their true shape."""
    surfaces = tmp_path / "surfaces.parquet"
    write_surfaces(surfaces, [("v0", measure_surface(seat(), "v0", "validation", 2_048, 0))])
    return ShapeValidator(CONFIG, LEVEL, shards, [surfaces], 0)


def measured(validator, azimuth_deg, meshes):
    """Validation metrics of a network that predicts these views and meshes."""
    predictions = ValidationPredictions(azimuth_deg, np.zeros((3, 4, 4, 4)), np.ones(3), tuple(meshes))
    validator.silhouettes.predict = lambda model, latent_scale: predictions
    return validator(build_model(CONFIG.model, CONFIG.render, 0), 1.0)


def test_azimuth_error_uses_the_rotation_fitted_on_shapes(validator):
    """The learned frame is turned by -40 degrees; an offset fitted to the views would hide their own errors."""
    learned = Mesh(YRotation(-TURN_DEG, 1).apply(seat().vertices), seat().faces)
    values = measured(validator, TRUE_AZIMUTHS_DEG - TURN_DEG + np.array([20.0, 24.0, 28.0]), [learned] * 3)
    assert values["azimuth_error_deg"] == pytest.approx(24.0, abs=2.0)
    assert values["chamfer"] < 0.04


def test_empty_meshes_have_the_worst_azimuth_error(validator):
    values = measured(validator, TRUE_AZIMUTHS_DEG, [seat(), NOTHING, NOTHING])
    assert (values["azimuth_error_deg"], values["empty_fraction"]) == (180.0, pytest.approx(2 / 3))
    assert measured(validator, TRUE_AZIMUTHS_DEG, [seat(), seat(), NOTHING])["azimuth_error_deg"] < 2.0


@torch.no_grad()
def test_latent_scale_of_zero_gives_all_images_one_shape(shards):
    measure, model = SilhouetteValidator(CONFIG, LEVEL, shards), build_model(CONFIG.model, CONFIG.render, 0)
    shared, own = (measure.predict(model, scale).occupancy for scale in (0.0, 1.0))
    assert np.abs(shared - shared[0]).max() == 0.0
    assert np.abs(own - own[0]).max() > 1e-5


@pytest.mark.parametrize(("level", "occupied", "empty"), [(0.05, 1.0, 0.0), (0.95, 0.0, 1.0)])
@torch.no_grad()
def test_surface_lies_at_the_given_level(shards, level, occupied, empty):
    values = SilhouetteValidator(CONFIG, level, shards)(build_model(CONFIG.model, CONFIG.render, 0), 1.0)
    assert (values["occupied_fraction"], values["empty_fraction"]) == (occupied, empty)
