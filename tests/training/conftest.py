"""Fixtures of a training run that takes steps in milliseconds."""

import pytest
from tiny_training import CPU, build_run, disc_views, tiny_settings

from shelfnet.training.batches import ImageStore


@pytest.fixture
def tiny():
    """A function from nested overrides to the settings of a tiny training."""
    return tiny_settings


@pytest.fixture
def views():
    """Eight images of discs, with four captions."""
    return disc_views()


@pytest.fixture
def store(views):
    """The images on the CPU, for renders of 16 pixels."""
    return ImageStore(views, 16, CPU)


@pytest.fixture
def run():
    """State and context of a fresh run with the tiny settings."""
    return build_run(tiny_settings())
