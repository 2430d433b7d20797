"""Rendering of the models, and the prior over views."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from shelfnet.config.section import Count, Section
from shelfnet.config.variation import RenderVariation

PHOTO_SCALE = 2
"""Side of a rendered photo relative to that of the image that is cropped from it."""


class ViewPrior(Section):
    """View prior p(v), uniform in both ranges; training draws its random views from it too."""

    azimuth_min_deg: float = Field(default=-180.0, ge=-180.0, le=180.0)
    """Minimum azimuth in degrees; 0 faces the front."""
    azimuth_max_deg: float = Field(default=180.0, ge=-180.0, le=180.0)
    """Maximum azimuth in degrees."""
    elevation_min_deg: float = Field(default=-5.0, ge=-89.0, le=89.0)
    """Minimum elevation in degrees; negative is below the horizon."""
    elevation_max_deg: float = Field(default=30.0, ge=-89.0, le=89.0)
    """Maximum elevation in degrees."""

    @model_validator(mode="after")
    def _ranges_are_ordered(self) -> ViewPrior:
        if self.azimuth_min_deg >= self.azimuth_max_deg or self.elevation_min_deg > self.elevation_max_deg:
            azimuth = f"azimuth {self.azimuth_min_deg} to {self.azimuth_max_deg}"
            elevation = f"elevation {self.elevation_min_deg} to {self.elevation_max_deg}"
            raise ValueError(f"view prior: expected every minimum below its maximum, got {azimuth}, {elevation}")
        return self


class RenderSettings(Section):
    """Images of the models: camera, engine and quality."""

    engine: Literal["cycles", "pyrender"] = "cycles"
    """Render engine: cycles | pyrender (fast, with simplified materials)."""
    device: Literal["cpu", "optix", "cuda", "hip", "metal", "oneapi"] = "cpu"
    """Cycles device: cpu | optix | cuda | hip | metal | oneapi."""
    resolution_px: int = Field(default=64, ge=16, le=2048)
    """Image size in pixels per side."""
    views_per_model: Count = 8
    """Number of views per model, drawn from prior."""
    shards: Count = 4
    """Number of output files, and of jobs, that the models are split into."""
    seed: int = 0
    """Random seed of the views."""
    samples: Count = 8
    """Cycles samples per pixel."""
    denoise: bool = False
    """Whether Cycles denoises, which multiplies the render time."""
    fov_deg: float = Field(default=35.0, gt=1.0, lt=120.0)
    """Field of view in degrees, also for training and meshes."""
    camera_distance: float = Field(default=2.6, gt=0.9, le=1_000.0)
    """Distance of the camera from the object's centre, in units of the object's longest side."""
    prior: ViewPrior = ViewPrior()
    variation: RenderVariation = RenderVariation()
    model_timeout_s: float = Field(default=600.0, gt=0.0)
    """Time limit in seconds for all views of one model; slower models are quarantined."""
    model_memory_mb: int = Field(default=8_000, ge=256)
    """Memory limit in MB for rendering one model; larger models are quarantined."""

    @property
    def rendered_px(self) -> int:
        """Side in pixels of the images before a crop."""
        return self.resolution_px * (1 if self.variation.object_share is None else PHOTO_SCALE)

    @model_validator(mode="after")
    def _the_engine_renders_the_variation(self) -> RenderSettings:
        if self.engine != "cycles" and self.variation.needs_cycles:
            raise ValueError(f"{self.engine} cannot render variation.suns or variation.rooms; engine: cycles can")
        return self
