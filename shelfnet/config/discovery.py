"""Discovery of views and shared shapes before training."""

from pydantic import Field

from shelfnet.config.section import Count, Section


class DiscoverySettings(Section):
    """Discovery of views and shared shapes in the training images."""

    shapes: Count = 16
    """Number of shared shapes of the largest super-category; smaller ones have fewer."""
    grid_resolution: int = Field(default=24, ge=4, le=128)
    """Resolution of a shared shape in cells per side."""
    image_px: int = Field(default=32, ge=8, le=256, multiple_of=4)
    """Largest size in pixels per side at which images are compared."""
    align_objects: bool = False
    """Whether objects are moved and scaled to the same place and size, in images and renders, before these are
    compared; for crops, whose framing says nothing about the camera."""
    azimuth_step_deg: float = Field(default=15.0, gt=0.0, le=180.0)
    """Largest spacing of the azimuths of the view grid in degrees."""
    elevation_step_deg: float = Field(default=17.5, gt=0.0, le=90.0)
    """Largest spacing of the elevations of the view grid in degrees."""
    first_steps: Count = 180
    """Number of optimiser steps of the first, single shape."""
    rounds: Count = 8
    """Number of expectation-maximisation rounds per later stage."""
    steps_per_round: Count = 15
    """Number of optimiser steps per round."""
    seed: int = Field(default=0, ge=0)
    """Random seed of the shapes and of the sampled images."""
