"""Optimisation of the networks."""

from typing import Literal

from pydantic import Field, model_validator

from shelfnet.config.section import Count, Fraction, Section


class WarmStartSettings(Section):
    """Warm start on the views and shapes that discovery found, before the losses of Eq. 9."""

    enabled: bool = True
    """Whether views are discovered and networks start from them."""
    encoder_iterations: int = Field(default=400, ge=0)
    """Number of optimiser steps of the encoder."""
    encoder_batch_size: Count = 96
    """Number of images per step of the encoder."""
    decoder_iterations: int = Field(default=150, ge=0)
    """Number of optimiser steps of the decoder."""
    decoder_batch_size: Count = 8
    """Number of objects per step of the decoder."""
    learning_rate: float = Field(default=2e-3, gt=0.0)
    """Initial learning rate of Adam, which falls to a twentieth."""
    colour_weight: float = Field(default=1.0, ge=0.0)
    """Weight of the colours of the shapes for the decoder."""
    max_spread_deg: float = Field(default=45.0, gt=0.0, le=180.0)
    """Largest spread of a found azimuth in degrees at which it is trusted."""
    given_view_fraction: Fraction = 1.0
    """Fraction of the iterations, from the first one, that render trusted images at their found views."""


class TrainSettings(Section):
    """Optimisation."""

    iterations: int = Field(default=250, ge=0)
    """Number of generator steps."""
    constant_iterations: int = Field(default=165, ge=0)
    """Number of initial iterations at full learning rate, which then falls linearly to zero."""
    coarse_iterations: int = Field(default=150, ge=0)
    """Number of initial iterations rendered at coarse_px."""
    coarse_px: int = Field(default=32, ge=8, le=256)
    """Render size in pixels per side during coarse_iterations; later model.renderer.resolution_px."""
    shared_shape_iterations: int = Field(default=0, ge=0)
    """Number of initial iterations that decode one shape for all images of a batch."""
    latent_ramp_iterations: int = Field(default=0, ge=0)
    """Number of iterations over which the latent scale then rises linearly to 1."""
    warm_start: WarmStartSettings = WarmStartSettings()
    content_views: int = Field(default=0, ge=0, le=16)
    """Number of extra views from p(v) per object, for the content loss of the encoder alone."""
    batch_size: int = Field(default=8, ge=2)
    """Number of images per step, over all processes."""
    learning_rate: float = Field(default=5e-4, gt=0.0)
    """Learning rate of Adam, for all networks."""
    discriminator_every: Count = 2
    """Number of iterations per discriminator step."""
    r1_every: Count = 16
    """Number of iterations per R1 penalty, which is scaled up accordingly."""
    ema_decay: float = Field(default=0.98, ge=0.0, lt=1.0)
    """Decay of the exponential moving average of the weights, which is saved; 0 keeps none."""
    device: Literal["auto", "cpu", "cuda"] = "cpu"
    """Device: auto | cpu | cuda."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Precision: float32 | bfloat16 (convolutions and matrix products) | auto (bfloat16 on CUDA)."""
    compile: Literal["auto", "none", "networks", "graphs"] = "auto"
    """Compilation: none | networks (torch.compile) | graphs (CUDA graphs too) | auto (graphs on CUDA)."""
    processes: Count = 1
    """Number of processes that share a training's batches, each on its own GPU if there are any."""
    log_every: Count = 20
    """Number of iterations between rows of metrics.parquet."""
    validate_every: Count = 50
    """Number of iterations between validations, the points of the curves."""
    validation_views: Count = 16
    """Number of views per validation."""
    checkpoint_every: Count = 50
    """Number of iterations between checkpoints to resume from."""

    @model_validator(mode="after")
    def _processes_divide_the_batch(self) -> "TrainSettings":
        if self.batch_size % self.processes:
            raise ValueError(f"train.batch_size ({self.batch_size}) must be a multiple of processes ({self.processes})")
        return self

    @model_validator(mode="after")
    def _latent_reaches_full_weight(self) -> "TrainSettings":
        shared, ramp = self.shared_shape_iterations, self.latent_ramp_iterations
        if 0 < self.iterations < shared + ramp:
            raise ValueError(
                f"train.shared_shape_iterations ({shared}) + train.latent_ramp_iterations ({ramp}) must be at most "
                f"train.iterations ({self.iterations}), so that the finished model decodes latents at full weight"
            )
        return self
