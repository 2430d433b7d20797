"""Decoder phi_D (Eq. 2): StyleGAN2 decoders from a latent style to a field in the canonical frame."""

import itertools
import math
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from shelfnet.config.networks import DecoderSettings
from shelfnet.networks.blended_shapes import BlendedShapes
from shelfnet.networks.modulated import INITIAL_OCCUPANCY_LOGIT, MappingNetwork, StyleBlock, scaled_leaky_relu
from shelfnet.networks.precision import at_least_float32
from shelfnet.networks.upsample_conv import upsample_conv
from shelfnet.representations.field import Field
from shelfnet.representations.triplane import TriplaneField, TwoLayerPerceptron, mirror_average_planes
from shelfnet.representations.voxels import VoxelField, mirror_average

CONSTANT_RESOLUTION = 4


class VoxelBackbone(nn.Module):
    """StyleGAN2 decoder in 3D, from a learned constant at 4^3 to the feature volume and occupancy logits.

    With symmetry, occupancy is decoded from the symmetric features.
    """

    def __init__(self, settings: DecoderSettings, latent_dim: int) -> None:
        super().__init__()
        self.symmetric = settings.symmetry != "none"
        channels = _channel_plan(settings.base_channels, settings.feature_channels, settings.feature_resolution)
        self.constant = nn.Parameter(torch.randn(1, channels[0], *[CONSTANT_RESOLUTION] * 3))
        self.first = StyleBlock(3, channels[0], channels[0], latent_dim, upsample=False)
        self.blocks = nn.ModuleList(StyleBlock(3, *pair, latent_dim) for pair in itertools.pairwise(channels))
        self.to_occupancy = OccupancyHead(settings)

    def forward(self, style: Float[Tensor, "b d"]) -> tuple[Float[Tensor, "b c f f f"], Float[Tensor, "b 1 o o o"]]:
        """Feature volume and occupancy logits."""
        x = self.first(self.constant.expand(len(style), -1, -1, -1, -1), style)
        for block in self.blocks:
            x = block(x, style)
        x = mirror_average(x) if self.symmetric else x
        return x, self.to_occupancy(x)


class OccupancyHead(nn.Module):
    """Convolutions from the feature volume to occupancy logits, with upsampling to the occupancy resolution."""

    def __init__(self, settings: DecoderSettings) -> None:
        super().__init__()
        width = max(settings.feature_channels // 2, 4)
        doublings = int(math.log2(settings.occupancy_resolution // settings.feature_resolution))
        self.upsamples = doublings > 0
        self.squeeze = nn.Conv3d(settings.feature_channels, width, 3, padding=1)
        self.doubled = nn.ModuleList(nn.Conv3d(width, width, 3, padding=1) for _ in range(doublings - 1))
        self.out = nn.Conv3d(width, 1, 3, padding=1)
        _fill_bias(self.out, INITIAL_OCCUPANCY_LOGIT)

    def forward(self, features: Float[Tensor, "b c f f f"]) -> Float[Tensor, "b 1 o o o"]:
        """Occupancy logits."""
        x = scaled_leaky_relu(self.squeeze(features))
        for conv in self.doubled:
            x = scaled_leaky_relu(upsample_conv(x, conv.weight, conv.bias))  # pyright: ignore[reportArgumentType]
        return upsample_conv(x, self.out.weight, self.out.bias) if self.upsamples else self.out(x)


class VoxelDecoder(nn.Module):
    """Decoder to a voxel field, with ordinary or SE(3)-equivariant convolutions (section 2.4).

    Symmetry ``features`` averages the feature volume with its mirror image in x; ``field`` also the occupancy. With
    blended shapes, the backbone decodes a residual of their logits.
    """

    def __init__(self, settings: DecoderSettings, latent_dim: int) -> None:
        super().__init__()
        self.symmetry = settings.symmetry
        self.mapping = MappingNetwork(latent_dim)
        self.backbone = _backbone(settings, latent_dim)
        self.blended = _blended_shapes(settings, latent_dim)

    def forward(self, latent: Float[Tensor, "b d"]) -> Field:
        """Decode latents into fields."""
        features, logits = map(at_least_float32, self.backbone(self.mapping(latent)))
        if self.blended is not None:
            logits = logits + self.blended(latent)
        if self.symmetry != "none":
            features = mirror_average(features)
        if self.symmetry == "field":
            logits = mirror_average(logits)
        return VoxelField(torch.sigmoid(logits), features)


class TriplaneHead(nn.Module):
    """MLPs from the aggregated plane feature of a point to its occupancy logit and appearance feature."""

    def __init__(self, settings: DecoderSettings) -> None:
        super().__init__()
        planes, hidden = settings.plane_channels, settings.plane_hidden
        self.to_occupancy = TwoLayerPerceptron(planes, hidden, 1)
        self.to_features = TwoLayerPerceptron(planes, hidden, settings.feature_channels)
        _fill_bias(self.to_occupancy.last, INITIAL_OCCUPANCY_LOGIT)

    def occupancy_logits(self, aggregated: Float[Tensor, "b n p"]) -> Float[Tensor, "b n"]:
        """Occupancy logits."""
        return self.to_occupancy(aggregated).squeeze(-1)

    def features(self, aggregated: Float[Tensor, "b n p"]) -> Float[Tensor, "b n c"]:
        """Appearance features."""
        return self.to_features(aggregated)


class TriplaneDecoder(nn.Module):
    """StyleGAN2 decoder in 2D to a tri-plane field (section 2.3).

    With blended shapes, the head decodes a residual of their logits, as in :class:`VoxelDecoder`.
    """

    def __init__(self, settings: DecoderSettings, latent_dim: int) -> None:
        super().__init__()
        self.symmetric = settings.symmetry != "none"
        self.voxel_size = 1.0 / settings.occupancy_resolution
        self.plane_channels = settings.plane_channels
        channels = _channel_plan(settings.base_channels, 3 * settings.plane_channels, settings.plane_resolution)
        self.mapping = MappingNetwork(latent_dim)
        self.constant = nn.Parameter(torch.randn(1, channels[0], *[CONSTANT_RESOLUTION] * 2))
        self.first = StyleBlock(2, channels[0], channels[0], latent_dim, upsample=False)
        self.blocks = nn.ModuleList(StyleBlock(2, *pair, latent_dim) for pair in itertools.pairwise(channels))
        self.to_planes = nn.Conv2d(channels[-1], 3 * settings.plane_channels, 1)
        self.head = TriplaneHead(settings)
        self.blended = _blended_shapes(settings, latent_dim)

    def forward(self, latent: Float[Tensor, "b d"]) -> Field:
        """Decode latents into fields."""
        style = self.mapping(latent)
        x = self.first(self.constant.expand(len(style), -1, -1, -1), style)
        for block in self.blocks:
            x = block(x, style)
        planes = at_least_float32(self.to_planes(x)).unflatten(1, (3, self.plane_channels))
        shared_logits = None if self.blended is None else at_least_float32(self.blended(latent))
        if self.symmetric:
            planes = mirror_average_planes(planes)
            shared_logits = None if shared_logits is None else mirror_average(shared_logits)
        return TriplaneField(planes, self.head, self.voxel_size, shared_logits)


def build_decoder(settings: DecoderSettings, latent_dim: int) -> nn.Module:
    """The decoder of the configured representation."""
    decoder = TriplaneDecoder if settings.representation == "triplane" else VoxelDecoder
    return decoder(settings, latent_dim)


def _blended_shapes(settings: DecoderSettings, latent_dim: int) -> BlendedShapes | None:
    """Shared shapes whose sum with an untrained residual has the initial logit; none if not asked for."""
    if settings.blended_shapes == 0:
        return None
    return BlendedShapes(settings.blended_shapes, settings.occupancy_resolution, latent_dim, -INITIAL_OCCUPANCY_LOGIT)


def _backbone(settings: DecoderSettings, latent_dim: int) -> nn.Module:
    if settings.representation != "se3":
        return VoxelBackbone(settings, latent_dim)
    from shelfnet.networks.equivariant.decoder import EquivariantDecoder

    return EquivariantDecoder(settings, latent_dim)


def _channel_plan(base: int, last: int, resolution: int) -> list[int]:
    """Channels from 4 cells per side to ``resolution``, halved at each doubling, with ``last`` at the end."""
    doublings = int(math.log2(resolution // CONSTANT_RESOLUTION))
    return [max(base >> step, last) for step in range(doublings)] + [last] if doublings else [last]


def _fill_bias(layer: nn.Module, value: float) -> None:
    nn.init.constant_(cast(Tensor, layer.bias), value)
