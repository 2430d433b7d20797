"""A learner small enough to take steps in a blink."""

import numpy as np
import pytest
import torch

from shelfnet.config.load import merge, validate
from shelfnet.config.stage_inputs import train_inputs
from shelfnet.data.shards.reader import TrainingViews
from shelfnet.training.batches import ImageStore
from shelfnet.training.learner import build_learner

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


@pytest.fixture
def tiny():
    """A function from overrides to the inputs of a tiny training."""

    def config(overrides=None):
        return train_inputs(validate(merge(TINY, overrides or {})))

    return config


@pytest.fixture
def views():
    """Eight images of discs on nothing, with four captions."""
    generator = np.random.default_rng(0)
    y, x = np.mgrid[:32, :32] - 15.5
    images = np.zeros((8, 32, 32, 4), dtype=np.uint8)
    for image in images:
        disc = x**2 + y**2 < generator.uniform(60, 140)
        image[disc] = [*generator.integers(0, 255, 3), 255]
    return TrainingViews(images=images, captions=tuple(f"A Chair {number % 4}" for number in range(8)))


@pytest.fixture
def store(views):
    """The images on the CPU, for renders of 16 pixels."""
    return ImageStore(views, 16, torch.device("cpu"))


@pytest.fixture
def learner(tiny):
    """A fresh learner of the tiny configuration."""
    return build_learner(tiny(), 0, torch.device("cpu"))
