"""Images of the models, and the prior of their views."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from shelfnet.config.section import Count, Section


class ViewPrior(Section):
    """p(v): azimuth uniform around the object, elevation uniform in a range."""

    azimuth_min_deg: Annotated[float, Field(ge=-180.0, le=180.0)] = -180.0
    azimuth_max_deg: Annotated[float, Field(ge=-180.0, le=180.0)] = 180.0
    elevation_min_deg: Annotated[float, Field(ge=-89.0, le=89.0)] = -5.0
    elevation_max_deg: Annotated[float, Field(ge=-89.0, le=89.0)] = 30.0

    @model_validator(mode="after")
    def _ranges_are_ordered(self) -> ViewPrior:
        if self.azimuth_min_deg >= self.azimuth_max_deg or self.elevation_min_deg > self.elevation_max_deg:
            azimuth = f"azimuth {self.azimuth_min_deg} to {self.azimuth_max_deg}"
            elevation = f"elevation {self.elevation_min_deg} to {self.elevation_max_deg}"
            raise ValueError(f"view prior: every minimum must lie below its maximum, got {azimuth}, {elevation}")
        return self


class RenderSettings(Section):
    """Images of the models: camera, engine and quality."""

    engine: Literal["cycles", "pyrender"] = "cycles"
    device: Literal["cpu", "optix", "cuda", "hip", "metal", "oneapi"] = "cpu"
    resolution_px: Annotated[int, Field(ge=16, le=2048)] = 128
    views_per_model: Count = 24
    shards: Count = 24
    seed: int = 0
    samples: Count = 41
    denoise: bool = False
    fov_deg: Annotated[float, Field(gt=1.0, lt=120.0)] = 35.0
    camera_distance: Annotated[float, Field(gt=0.9)] = 2.6
    prior: ViewPrior = ViewPrior()
    model_timeout_s: Annotated[float, Field(gt=0.0)] = 600.0
    model_memory_mb: Annotated[int, Field(ge=256)] = 8_000
