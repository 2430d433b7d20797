"""Sizes of encoder, decoder, neural renderer and discriminator."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from shelfnet.config.section import Channels, Count, PowerOfTwo, Section

RayKernel = Literal["auto", "triton", "triton_visibility"]
"""Kernel that marches rays through voxel fields, where it covers field and device."""


class EncoderSettings(Section):
    """Encoder phi_E (Eq. 1): image to latent z and view v."""

    input_px: int = Field(default=32, ge=32, le=512)
    """Size in pixels per side to which images are resized."""
    blocks: tuple[Count, ...] = Field(default=(1, 1, 1, 1), max_length=8)
    """Residual blocks per stage."""
    widths: tuple[Channels, ...] = Field(default=(16, 32, 64, 128), max_length=8)
    """Channels per stage."""
    latent_dim: Channels = 64
    """Dimension of z."""
    camera_hypotheses: int = Field(default=4, ge=1, le=256)
    """Number of view hypotheses per image; a classifier learns to select one."""
    hypothesis_temperature: float = Field(default=0.01, gt=0.0)
    """Temperature of the softmax that weights hypotheses by their reconstruction losses."""
    hypothesis_px: int = Field(default=16, ge=8, le=128)
    """Size in pixels per side of the renders that compare hypotheses."""

    @model_validator(mode="after")
    def _stages_agree(self) -> EncoderSettings:
        if len(self.blocks) != len(self.widths):
            stages = f"blocks {list(self.blocks)} and widths {list(self.widths)}"
            raise ValueError(f"encoder: expected {stages} to have one entry per stage each")
        return self


class DecoderSettings(Section):
    """Decoder phi_D (Eq. 2): latent z to feature field and occupancy."""

    representation: Literal["voxel", "triplane", "se3"] = "voxel"
    """Representation: voxel | triplane | se3."""
    base_channels: Channels = 64
    """Channels of the coarsest volume or plane, halved with every upsampling."""
    feature_channels: Channels = 16
    """Channels of the feature field."""
    feature_resolution: PowerOfTwo = 16
    """Resolution of the feature field in cells per side."""
    occupancy_resolution: PowerOfTwo = 32
    """Resolution of the occupancy in cells per side."""
    plane_channels: Channels = 12
    """Channels per plane, for triplane only."""
    plane_resolution: PowerOfTwo = 32
    """Resolution of a plane in cells per side, for triplane only."""
    plane_hidden: Channels = 16
    """Hidden units of the networks that decode plane features, for triplane only."""
    se3_multiplicities: tuple[Channels, Channels, Channels] = (16, 8, 4)
    """Multiplicities of the irreps of degree 0, 1 and 2, for se3 only."""
    blended_shapes: int = Field(default=32, ge=0, le=256)
    """Number of shared shapes to which the decoder adds a residual; 0 decodes without them."""
    symmetry: Literal["none", "features", "field"] = "field"
    """Symmetry in x, enforced by averaging: none | features | field (also occupancy)."""


class RendererSettings(Section):
    """Neural renderer pi (Eq. 3): one ray per pixel."""

    resolution_px: int = Field(default=64, ge=8, le=256)
    """Size in pixels per side of the renders that losses compare."""
    samples_per_ray: int = Field(default=24, ge=4, le=512)
    """Occupancy samples per ray."""
    feature_samples_per_ray: Annotated[int, Field(ge=1, le=512)] | None = 6
    """Feature samples per ray, those of the largest weights; null takes all samples."""
    colour_hidden: Channels = 32
    """Hidden channels of the network from features to colours."""
    kernel: RayKernel = "auto"
    """Kernel that marches voxel fields: auto (compiled loops on a CPU, tensor operations elsewhere) | triton (Triton on
    CUDA) | triton_visibility (Triton for occupancies, tensor operations for features)."""


class DiscriminatorSettings(Section):
    """Discriminator D: real images against renders."""

    base_channels: Channels = 32
    """Channels of the first layer, doubled with every downsampling."""
    max_channels: Channels = 128
    """Maximum number of channels."""
    kernel_size: Literal[3, 4] = 4
    """Side of the strided convolutions' kernels; the original code has 3."""
    style_heads: bool = True
    """Whether heads on the means and standard deviations of features judge as well."""
    sees_mask: bool = False
    """Whether the mask is a fourth input channel."""
    augment: bool = False
    """Whether inputs are augmented differentiably."""


class ModelSettings(Section):
    """Networks."""

    encoder: EncoderSettings = EncoderSettings()
    decoder: DecoderSettings = DecoderSettings()
    renderer: RendererSettings = RendererSettings()
    discriminator: DiscriminatorSettings = DiscriminatorSettings()
