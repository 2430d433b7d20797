"""Settings, images and networks so small that a training step takes milliseconds."""

from typing import NamedTuple

import numpy as np
import torch

from shelfnet.config.load import merge, validate
from shelfnet.config.stage_inputs import TrainInputs, train_inputs
from shelfnet.config.supervision import ClipTraining
from shelfnet.data.shards.reader import TrainingViews
from shelfnet.losses.clip import ClipLoss
from shelfnet.networks.clip import small_clip
from shelfnet.training.acceleration.distributed import DistributedContext
from shelfnet.training.context import TrainContext, build_context
from shelfnet.training.state import TrainState, build_state

CPU = torch.device("cpu")

TINY = {
    "render": {"resolution_px": 32},
    "perceptual": {"weights": "untrained"},
    "model": {
        "encoder": {"input_px": 32, "blocks": [1, 1], "widths": [8, 8], "latent_dim": 8, "camera_hypotheses": 3},
        "decoder": {
            "base_channels": 8,
            "feature_channels": 4,
            "feature_resolution": 8,
            "occupancy_resolution": 16,
            "plane_channels": 4,
            "plane_resolution": 8,
            "plane_hidden": 8,
            "se3_multiplicities": [4, 2, 1],
            "symmetry": "features",
            "blended_shapes": 0,
        },
        "renderer": {"resolution_px": 16, "samples_per_ray": 8, "feature_samples_per_ray": None, "colour_hidden": 8},
        "discriminator": {"base_channels": 8, "max_channels": 16},
    },
    "losses": {"mask": 50.0, "perceptual": 1.0, "content": 100.0, "content_latent": 1.0, "adversarial": 1.0},
    "train": {
        "iterations": 4,
        "constant_iterations": 2,
        "coarse_iterations": 0,
        "ema_decay": 0.0,
        "batch_size": 2,
        "learning_rate": 1e-3,
        "log_every": 1,
        "validate_every": 4,
        "checkpoint_every": 2,
        "device": "cpu",
    },
    "ablations": {"base": {}},
}


class Run(NamedTuple):
    """State and context of a run, in the order in which the training steps take them."""

    state: TrainState
    context: TrainContext


def tiny_settings(overrides: dict | None = None) -> TrainInputs:
    """The tiny settings with nested overrides."""
    return train_inputs(validate(merge(TINY, overrides or {})))


def build_run(
    settings: TrainInputs,
    seed: int = 0,
    device: torch.device = CPU,
    clip: ClipLoss | None = None,
    distributed: DistributedContext | None = None,
) -> Run:
    """A run before its first iteration."""
    state = build_state(settings.model, settings.render, settings.train, seed, device)
    return Run(state, build_context(settings, device, clip, distributed))


def untrained_clip_loss(captions: list[str], backgrounds: tuple[str, ...], image_px: int = 16) -> ClipLoss:
    """The CLIP loss with a small CLIP of known random weights."""
    torch.manual_seed(0)
    clip = small_clip(ClipTraining(width=32, layers=1, embed_dim=16, image_px=image_px))
    return ClipLoss(clip.eval().requires_grad_(False), captions, backgrounds)


def disc_views() -> TrainingViews:
    """Eight transparent images with coloured discs, and four captions."""
    generator = np.random.default_rng(0)
    y, x = np.mgrid[:32, :32] - 15.5
    images = np.zeros((8, 32, 32, 4), dtype=np.uint8)
    for image in images:
        disc = x**2 + y**2 < generator.uniform(60, 140)
        image[disc] = [*generator.integers(0, 255, 3), 255]
    return TrainingViews(images=images, captions=tuple(f"A Chair {number % 4}" for number in range(8)))
