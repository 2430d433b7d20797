"""Rendering of the models, the prior over views, and the variation of renders as in photographs taken in the wild."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from shelfnet.config.section import Count, Fraction, Section

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


class RenderVariation(Section):
    """Random differences between images, as between photographs; the defaults render all images alike."""

    suns: bool = False
    """Whether the suns are turned and coloured at random, for cycles."""
    rooms: bool = False
    """Whether the object stands on a textured floor, mostly with a wall, for cycles."""
    fov_min_deg: float | None = Field(default=None, gt=1.0, lt=120.0)
    """Minimum field of view in degrees; null: render.fov_deg."""
    fov_max_deg: float | None = Field(default=None, gt=1.0, lt=120.0)
    """Maximum field of view in degrees; null: render.fov_deg."""
    distance_min: float = Field(default=1.0, ge=1.0, le=10.0)
    """Minimum distance of the camera, relative to the one at which the object's bounding sphere appears as large as
    with render.fov_deg and render.camera_distance."""
    distance_max: float = Field(default=1.0, ge=1.0, le=10.0)
    """Maximum of this distance."""
    off_centre: Fraction = 0.0
    """Maximum shift of the object from the image's centre, as a fraction of the room beside the object."""
    roll_deg: float = Field(default=0.0, ge=0.0, le=45.0)
    """Maximum roll of the camera in degrees."""
    occlusion: float = Field(default=0.0, ge=0.0, le=0.5)
    """Maximum fraction of the object that something in front of it covers."""
    mask_error: float = Field(default=0.0, ge=0.0, le=0.1)
    """Maximum shift of the mask's border, in units of the longer side of the object in the image."""
    object_share: float | None = Field(default=None, ge=0.1, le=1.0)
    """Longer side of the object as a fraction of the image's side, to which images are cropped as photographs are;
    null: no crop."""

    @property
    def needs_cycles(self) -> bool:
        """Whether only Cycles can render this variation."""
        return self.suns or self.rooms

    @model_validator(mode="after")
    def _ranges_are_ordered(self) -> RenderVariation:
        if (self.fov_min_deg is None) != (self.fov_max_deg is None):
            raise ValueError("expected both fov_min_deg and fov_max_deg, or neither")
        for name, low, high in (
            ("fov", self.fov_min_deg or 0.0, self.fov_max_deg or 0.0),
            ("distance", self.distance_min, self.distance_max),
        ):
            if low > high:
                raise ValueError(f"expected the minimum {name} below the maximum, got {low} to {high}")
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
