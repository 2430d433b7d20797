"""The paper preset against the numbers of the original code."""

from pathlib import Path

import pytest

from shelfnet.config.load import for_ablation, load_config, read_overlays

ROOT = Path(__file__).parents[2]
OVERLAY = ROOT / "workflow" / "presets" / "paper.yaml"
PAPER = load_config(ROOT / "config.yaml", OVERLAY)

NUMBERS = {
    "model.encoder.input_px": 224,
    "model.renderer.resolution_px": 64,
    "model.decoder.occupancy_resolution": 32,
    "model.decoder.feature_resolution": 16,
    "model.decoder.plane_channels": 32,
    "model.encoder.blocks": [2, 2, 2, 2],
    "model.encoder.widths": [64, 128, 256, 512],
    "model.encoder.latent_dim": 128,
    "model.decoder.base_channels": 256,
    "model.decoder.feature_channels": 64,
    "model.decoder.symmetry": "features",
    "model.decoder.blended_shapes": 0,
    "model.discriminator.base_channels": 128,
    "model.discriminator.max_channels": 2048,
    "model.discriminator.style_heads": True,
    "refine.weights.mirror": 0.0,
    "refine.weights.laplacian": 100.0,
    "refine.weights.edge": 100.0,
    "refine.weights.normal": 1.0,
    "refine.weights.offset": 1000.0,
    "train.discriminator_every": 2,
    "train.learning_rate": 1e-4,
    "train.batch_size": 32,
    "train.iterations": 100_000,
    "train.warm_start.enabled": False,
    "train.constant_iterations": 10_000,
    "losses.mask": 50.0,
    "losses.rgb": 10.0,
    "losses.perceptual": 1.0,
    "losses.content": 100.0,
    "losses.kl": 0.1,
    "losses.adversarial": 1.0,
    "render.prior.elevation_min_deg": -5.0,
    "render.prior.elevation_max_deg": 30.0,
    "render.prior.azimuth_min_deg": -180.0,
    "render.prior.azimuth_max_deg": 180.0,
}


@pytest.mark.parametrize(("name", "number"), NUMBERS.items(), ids=NUMBERS)
def test_paper_preset_states_the_number_of_the_original_code(name, number):
    """In the preset itself, so that another embedded default does not change it."""
    value = read_overlays(OVERLAY)
    for part in name.split("."):
        value = value[part]
    assert value == number


def test_additions_to_the_original_code_are_off():
    weights = PAPER.losses
    assert (weights.clip, weights.r1_gamma, weights.pose_prior, weights.distortion) == (0.0, 0.0, 0.0, 0.0)
    assert not PAPER.model.discriminator.augment
    assert (PAPER.train.ema_decay, PAPER.train.content_views, PAPER.model.encoder.camera_hypotheses) == (0.0, 0, 1)


def test_base_is_the_start_from_scratch():
    base, scratch = for_ablation(PAPER, "base"), for_ablation(PAPER, "base_scratch")
    assert base == scratch
