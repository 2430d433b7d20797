"""Encoder, decoder, neural renderer and discriminator."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from shelfnet.config.section import Count, PowerOfTwo, Section


class EncoderSettings(Section):
    """phi_E (Eq. 1): image to latent z and view v."""

    input_px: Annotated[int, Field(ge=32, le=512)] = 224
    blocks: tuple[Count, ...] = (2, 2, 2, 2)
    widths: tuple[Count, ...] = (64, 128, 256, 512)
    latent_dim: Count = 128
    camera_hypotheses: Count = 1
    hypothesis_temperature: Annotated[float, Field(gt=0.0)] = 0.01
    hypothesis_px: Annotated[int, Field(ge=8, le=128)] = 16

    @model_validator(mode="after")
    def _one_width_a_stage(self) -> EncoderSettings:
        if len(self.blocks) != len(self.widths):
            stages = f"blocks {list(self.blocks)} and widths {list(self.widths)}"
            raise ValueError(f"encoder: expected {stages} to have one entry for each stage")
        return self


class DecoderSettings(Section):
    """phi_D (Eq. 2): latent z to feature field and occupancy."""

    representation: Literal["voxel", "triplane", "se3"] = "voxel"
    base_channels: Count = 256
    feature_channels: Count = 64
    feature_resolution: PowerOfTwo = 16
    occupancy_resolution: PowerOfTwo = 32
    plane_channels: Count = 32
    plane_resolution: PowerOfTwo = 32
    plane_hidden: Count = 64
    se3_multiplicities: tuple[Count, Count, Count] = (32, 16, 8)
    symmetry: Literal["none", "features", "field"] = "features"


class RendererSettings(Section):
    """pi (Eq. 3): one ray a pixel."""

    resolution_px: Annotated[int, Field(ge=8, le=256)] = 64
    samples_per_ray: Annotated[int, Field(ge=4, le=512)] = 64
    feature_samples_per_ray: Annotated[int, Field(ge=1, le=512)] | None = None
    colour_hidden: Count = 64


class DiscriminatorSettings(Section):
    """D: real images or renders."""

    base_channels: Count = 128
    max_channels: Count = 2048
    style_heads: bool = True
    sees_mask: bool = False
    augment: bool = False


class ModelSettings(Section):
    """Networks."""

    encoder: EncoderSettings = EncoderSettings()
    decoder: DecoderSettings = DecoderSettings()
    renderer: RendererSettings = RendererSettings()
    discriminator: DiscriminatorSettings = DiscriminatorSettings()
