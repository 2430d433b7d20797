"""The warm start teaches the encoder found views and the decoder found shapes."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from known_chair import RENDER, chair, chair_views, median_azimuth_error_deg
from tiny_training import CPU, build_run, tiny_settings

from shelfnet.data.shards.reader import TrainingViews
from shelfnet.representations.field import same_opacity
from shelfnet.representations.voxels import VoxelField
from shelfnet.training.batches import FoundViews, ImageStore
from shelfnet.training.warm_start import warm_start, warm_start_decoder, warm_start_encoder

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


def settings(**model):
    return tiny_settings(
        {
            "render": RENDER.model_dump(mode="json"),
            "model": {"encoder": {"widths": [16, 16]}, "decoder": model},
            "train": {"warm_start": WARM_START},
        }
    )


def test_encoder_learns_found_views(chairs):
    store, azimuth = chairs
    inputs = settings()
    state, context = build_run(inputs)
    warm_start_encoder(state, context, store, 2, inputs.train.warm_start, "chairs")
    with torch.no_grad():
        predicted = state.model.encode(store.take(torch.arange(160)).images).azimuth
    errors = (predicted - azimuth + math.pi) % (2 * math.pi) - math.pi
    assert errors.abs().median() < math.radians(20.0)  # without a rotation: the frame is that of the found views
    assert median_azimuth_error_deg(predicted, azimuth) < 20.0


@pytest.mark.parametrize("representation", ["voxel", "triplane", "se3"])
def test_decoder_learns_found_shapes(chairs, shapes, representation):
    store, _ = chairs
    inputs = settings(representation=representation)
    state, context = build_run(inputs)
    images = store.take(torch.arange(8)).images
    before = intersection_over_union(state, images)
    warm_start_decoder(state, context, store, shapes, inputs.train.warm_start, "chairs")
    after = intersection_over_union(state, images)
    assert before < 0.2
    assert after > 0.5


@pytest.mark.parametrize("representation", ["voxel", "triplane", "se3"])
def test_blended_decoder_starts_at_the_shapes(chairs, shapes, representation):
    store, _ = chairs
    state, _ = build_run(settings(blended_shapes=2, representation=representation))
    weight, bias = torch.zeros(2, 8), torch.tensor([10.0, -10.0])
    state.model.decoder.blended.start_from(shapes.occupancy_grid, weight, bias)
    assert intersection_over_union(state, store.take(torch.arange(2)).images) > 0.8


@pytest.mark.parametrize("count", [1, 2, 5])
def test_the_most_frequent_shapes_are_blended(chairs, shapes, count):
    """All images have shape 1, the chair; the decoder has fewer shapes, as many, or more."""
    store, _ = chairs
    store = ImageStore(TrainingViews(images=store.rgba.numpy(), captions=("A chair",) * 160), 16, CPU, store.found)
    store.found = replace(store.found, shape=torch.ones(160, dtype=torch.long))
    inputs = settings(blended_shapes=count)
    state, context = build_run(inputs)
    turned = VoxelField(shapes.occupancy_grid.flip(0), shapes.feature_grid)
    warm_start(state, context, store, turned, "chairs")
    assert intersection_over_union(state, store.take(torch.arange(8)).images) > 0.6


def test_average_starts_at_the_warm_model(chairs, shapes):
    store, _ = chairs
    inputs = settings()
    inputs = inputs.model_copy(update={"train": inputs.train.model_copy(update={"ema_decay": 0.9})})
    state, context = build_run(inputs)
    warm_start(state, context, store, shapes, "chairs")
    assert state.average is not None
    for name, value in state.model.state_dict().items():
        assert torch.equal(state.average.state_dict()[name], value)


def test_same_opacity():
    """Two cells of half the size let through what one cell of the whole size does."""
    fine = same_opacity(torch.tensor([[0.75]]), 1 / 8, 1 / 16)
    assert (1 - fine.item()) ** 2 == pytest.approx(0.25)


def intersection_over_union(state, images) -> float:
    """Occupied space of decoded images against the chair."""
    cells = (np.arange(16) + 0.5) / 16 - 0.5
    z, y, x = np.meshgrid(cells, cells, cells, indexing="ij")
    points = torch.from_numpy(np.stack([x, y, z], axis=-1).reshape(1, -1, 3)).float()
    with torch.no_grad():
        field = state.model.decode(state.model.encode(images).latent)
        predicted = field.occupancy(points.expand(len(images), -1, -1)) > 0.5
    true = chair().occupancy(points) > 0.5
    return ((predicted & true).sum() / (predicted | true).sum()).item()
