"""View prediction from several hypotheses, by rendering or by the classifier."""

import math

import pytest
import torch

from shelfnet.config.load import for_ablation, validate
from shelfnet.inference import predict_view
from shelfnet.losses.hypotheses import hypothesis_losses
from shelfnet.networks.encoder import Encoding
from shelfnet.networks.shelfnet import Rendering, ShelfNet
from shelfnet.representations.voxels import VoxelField

SETTINGS = {
    "model": {
        "encoder": {"input_px": 32, "blocks": [1], "widths": [8], "latent_dim": 4, "camera_hypotheses": 3},
        "decoder": {"base_channels": 8, "feature_channels": 4, "feature_resolution": 8, "occupancy_resolution": 16},
        "renderer": {"resolution_px": 32, "samples_per_ray": 24, "feature_samples_per_ray": None, "colour_hidden": 8},
        "discriminator": {"base_channels": 8, "max_channels": 8},
    }
}


@pytest.fixture(scope="module")
def model() -> ShelfNet:
    config = for_ablation(validate(SETTINGS), "base")
    torch.manual_seed(0)
    return ShelfNet(config.model, config.render).eval()


@pytest.fixture(scope="module")
def field() -> VoxelField:
    """Two objects without symmetry: a seat with a back and a seat with one arm."""
    occupancy = torch.zeros(2, 1, 16, 16, 16)
    occupancy[:, :, 3:13, 6:8, 3:13] = 1.0
    occupancy[0, :, 3:5, 8:14, 3:13] = 1.0
    occupancy[1, :, 3:13, 8:11, 3:5] = 1.0
    return VoxelField(occupancy, torch.randn(2, 4, 8, 8, 8, generator=torch.Generator().manual_seed(0)))


def encoding(logits: list[list[float]]) -> Encoding:
    azimuths = torch.tensor([[0.3, 1.9, -2.2], [0.1, 2.3, -1.7]])[:, : len(logits[0])]
    return Encoding(torch.zeros(2, 4), azimuths, 0.2 + 0.05 * azimuths.abs(), torch.tensor(logits))


def images(model: ShelfNet, field: VoxelField, azimuth: list[float]) -> Rendering:
    angles = torch.tensor(azimuth)
    with torch.no_grad():
        return model.render(field, angles, 0.2 + 0.05 * angles.abs(), resolution_px=48)


def test_predict_view_by_render_overrides_the_classifier(model, field):
    hypotheses = encoding([[5.0, 0.0, 0.0], [0.0, 0.0, 5.0]])
    azimuth, elevation = predict_view(model, field, hypotheses, images(model, field, [-2.25, 2.25]), "render")
    assert azimuth.tolist() == pytest.approx([-2.2, 2.3])
    assert elevation.tolist() == pytest.approx([0.31, 0.315])


def test_predict_view_by_classifier_takes_the_highest_logit(model, field):
    hypotheses, shown = encoding([[5.0, 0.0, 0.0], [0.0, 0.0, 5.0]]), images(model, field, [-2.2, 2.3])
    by_classifier = predict_view(model, field, hypotheses, shown, "classifier")
    assert by_classifier[0].tolist() == pytest.approx([0.3, -1.7])
    by_render = predict_view(model, field, hypotheses, shown, "render")
    assert by_render[0].tolist() == pytest.approx([-2.2, 2.3])


def test_predict_view_does_not_render_a_single_hypothesis(model, field, monkeypatch):
    shown = images(model, field, [1.0, 1.0])
    monkeypatch.setattr(ShelfNet, "render", lambda *_, **__: pytest.fail("rendered"))
    azimuth, _ = predict_view(model, field, encoding([[0.0], [0.0]]), shown, "render")
    assert azimuth.tolist() == pytest.approx([0.3, 0.1])


def test_hypothesis_losses_are_zero_at_the_true_view_and_weighted_means_elsewhere(model, field):
    hypotheses = encoding([[0.0] * 3] * 2)
    with torch.no_grad():
        at_first = model.render(
            field,
            hypotheses.view_azimuths[:, 0],
            hypotheses.view_elevations[:, 0],
            resolution_px=24,
            samples_per_ray=16,
        )

    def losses(mask: float, rgb: float):
        sizes = {"resolution_px": 24, "samples_per_ray": 16}
        return hypothesis_losses(model, field, hypotheses, at_first, **sizes, mask_weight=mask, rgb_weight=rgb)

    assert losses(1.0, 1.0)[:, 0].abs().max() < 1e-5
    assert losses(1.0, 0.0)[:, 1:].min() > 0.05
    assert torch.allclose(losses(3.0, 1.0), 0.75 * losses(1.0, 0.0) + 0.25 * losses(0.0, 1.0), atol=1e-6)
    assert math.isclose(losses(0.0, 0.0).abs().max().item(), 0.0)
