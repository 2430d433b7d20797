"""The warm start teaches the encoder found views and the decoder found shapes."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from known_chair import RENDER, chair, chair_views, median_azimuth_error_deg
from tiny_training import CPU, tiny_settings

from shelfnet.config.stage_inputs import warm_start_inputs
from shelfnet.data.shards.reader import TrainingViews
from shelfnet.representations.field import same_opacity
from shelfnet.representations.voxels import VoxelField
from shelfnet.training.batches import FoundViews, ImageStore
from shelfnet.training.state import build_model
from shelfnet.training.warm_start import warm_start_decoder, warm_start_encoder, warm_start_networks

WARM_START = {
    "encoder_iterations": 80,
    "encoder_batch_size": 32,
    "decoder_iterations": 60,
    "decoder_batch_size": 4,
    "learning_rate": 5e-3,
}


@pytest.fixture(scope="module")
def chairs():
    """The store of 160 chairs with their true views as found ones, of which every tenth is uncertain and wrong."""
    rgba, azimuth, elevation = chair_views()
    certain = torch.arange(160) % 10 > 0
    found = FoundViews(
        azimuth=torch.where(certain, azimuth, torch.zeros_like(azimuth)),
        elevation=elevation,
        is_certain=certain,
        shape=torch.zeros(160, dtype=torch.long),
    )
    return ImageStore(TrainingViews(images=rgba, captions=("A chair",) * 160), 16, CPU, found), azimuth


@pytest.fixture(scope="module")
def shapes():
    """The chair, and an empty shape that no image has."""
    field = chair()
    empty = torch.zeros_like(field.occupancy_grid)
    return VoxelField(torch.cat([field.occupancy_grid, empty]), field.feature_grid.expand(2, -1, -1, -1, -1))


def fresh(**decoder):
    """Untrained networks and the settings of their warm start."""
    settings = tiny_settings(
        {
            "render": RENDER.model_dump(mode="json"),
            "model": {"encoder": {"widths": [16, 16]}, "decoder": decoder},
            "train": {"warm_start": WARM_START},
        }
    )
    return build_model(settings.model, settings.render, 0), warm_start_inputs(settings)


def seeded():
    return torch.Generator().manual_seed(0)


def test_encoder_learns_found_views(chairs):
    store, azimuth = chairs
    model, inputs = fresh()
    warm_start_encoder(model, inputs, store, 2, seeded(), "chairs")
    with torch.no_grad():
        predicted = model.encode(store.take(torch.arange(160)).images).azimuth
    errors = (predicted - azimuth + math.pi) % (2 * math.pi) - math.pi
    assert errors.abs().median() < math.radians(20.0)  # without a rotation: the frame is that of the found views
    assert median_azimuth_error_deg(predicted, azimuth) < 20.0


@pytest.mark.parametrize("representation", ["voxel", "triplane", "se3"])
def test_decoder_learns_found_shapes(chairs, shapes, representation):
    store, _ = chairs
    model, inputs = fresh(representation=representation)
    images = store.take(torch.arange(8)).images
    before = intersection_over_union(model, images)
    warm_start_decoder(model, inputs, store, shapes, seeded(), "chairs")
    after = intersection_over_union(model, images)
    assert before < 0.2
    assert after > 0.5


@pytest.mark.parametrize("representation", ["voxel", "triplane", "se3"])
def test_blended_decoder_starts_at_the_shapes(chairs, shapes, representation):
    store, _ = chairs
    model, _ = fresh(blended_shapes=2, representation=representation)
    weight, bias = torch.zeros(2, 8), torch.tensor([10.0, -10.0])
    model.decoder.blended.start_from(shapes.occupancy_grid, weight, bias)
    assert intersection_over_union(model, store.take(torch.arange(2)).images) > 0.8


@pytest.mark.parametrize("count", [1, 2, 5])
def test_the_most_frequent_shapes_are_blended(chairs, shapes, count):
    """All images have shape 1, the chair; the decoder has fewer shapes, as many, or more."""
    store, _ = chairs
    store = ImageStore(TrainingViews(images=store.rgba.numpy(), captions=("A chair",) * 160), 16, CPU, store.found)
    store.found = replace(store.found, shape=torch.ones(160, dtype=torch.long))
    model, inputs = fresh(blended_shapes=count)
    turned = VoxelField(shapes.occupancy_grid.flip(0), shapes.feature_grid)
    warm_start_networks(model, inputs, store, turned, seeded(), "chairs")
    assert intersection_over_union(model, store.take(torch.arange(8)).images) > 0.6


def test_same_opacity():
    """Two cells of half the size let through what one cell of the whole size does."""
    fine = same_opacity(torch.tensor([[0.75]]), 1 / 8, 1 / 16)
    assert (1 - fine.item()) ** 2 == pytest.approx(0.25)


def intersection_over_union(model, images) -> float:
    """Occupied space of decoded images against the chair."""
    cells = (np.arange(16) + 0.5) / 16 - 0.5
    z, y, x = np.meshgrid(cells, cells, cells, indexing="ij")
    points = torch.from_numpy(np.stack([x, y, z], axis=-1).reshape(1, -1, 3)).float()
    with torch.no_grad():
        field = model.decode(model.encode(images).latent)
        predicted = field.occupancy(points.expand(len(images), -1, -1)) > 0.5
    true = chair().occupancy(points) > 0.5
    return ((predicted & true).sum() / (predicted | true).sum()).item()
