"""Optimisation."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from shelfnet.config.section import Count, Section


class TrainSettings(Section):
    """Optimisation."""

    iterations: Annotated[int, Field(ge=0)] = 100_000
    constant_iterations: Annotated[int, Field(ge=0)] = 10_000
    coarse_iterations: Annotated[int, Field(ge=0)] = 0
    coarse_px: Annotated[int, Field(ge=8, le=256)] = 32
    shared_shape_iterations: Annotated[int, Field(ge=0)] = 0
    latent_ramp_iterations: Annotated[int, Field(ge=0)] = 0
    content_views: Annotated[int, Field(ge=0, le=16)] = 0
    batch_size: Annotated[int, Field(ge=2)] = 32
    learning_rate: Annotated[float, Field(gt=0.0)] = 1e-4
    discriminator_every: Count = 2
    r1_every: Count = 16
    ema_decay: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    compile: Literal["auto", "none", "networks", "graphs"] = "auto"
    processes: Count = 1
    log_every: Count = 100
    validate_every: Count = 5_000
    validation_views: Count = 64
    checkpoint_every: Count = 5_000

    @model_validator(mode="after")
    def _equal_shares(self) -> "TrainSettings":
        if self.batch_size % self.processes:
            raise ValueError(f"train.batch_size ({self.batch_size}) must be a multiple of processes ({self.processes})")
        return self

    @model_validator(mode="after")
    def _latent_is_whole_in_the_end(self) -> "TrainSettings":
        shared, ramp = self.shared_shape_iterations, self.latent_ramp_iterations
        if 0 < self.iterations < shared + ramp:
            raise ValueError(
                f"train.shared_shape_iterations ({shared}) + train.latent_ramp_iterations ({ramp}) must be at most "
                f"train.iterations ({self.iterations}), for a finished model decodes its latent in full"
            )
        return self
