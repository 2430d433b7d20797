"""phi_D (Eq. 2): a latent, as the style of a StyleGAN2 decoder, to a field in the canonical frame."""

import itertools
import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from shelfnet.config.networks import DecoderSettings
from shelfnet.networks.modulated import INITIAL_OCCUPANCY_LOGIT, MappingNetwork, StyleBlock, scaled_leaky_relu
from shelfnet.networks.precision import at_least_float32
from shelfnet.networks.upsample_conv import upsample_conv
from shelfnet.representations.field import Field
from shelfnet.representations.triplane import TriplaneField, mirror_average_planes
from shelfnet.representations.voxels import VoxelField, mirror_average

CONSTANT_RESOLUTION = 4


class VoxelBackbone(nn.Module):
    """Learned constant at 4^3, doubled and modulated up to the feature volume, then on to occupancy logits.

    Where the features are mirror-symmetric, the occupancy is decoded from the symmetric ones.
    """

    def __init__(self, settings: DecoderSettings, latent_dim: int) -> None:
        super().__init__()
        self.symmetric = settings.symmetry != "none"
        channels = _channel_plan(settings.base_channels, settings.feature_channels, settings.feature_resolution)
        self.constant = nn.Parameter(torch.randn(1, channels[0], *[CONSTANT_RESOLUTION] * 3))
        self.first = StyleBlock(3, channels[0], channels[0], latent_dim, upsample=False)
        self.blocks = nn.ModuleList(
            StyleBlock(3, narrow, wide, latent_dim) for narrow, wide in itertools.pairwise(channels)
        )
        self.to_occupancy = OccupancyHead(settings)

    def forward(self, style: Float[Tensor, "b d"]) -> tuple[Float[Tensor, "b c f f f"], Float[Tensor, "b 1 o o o"]]:
        """Features and occupancy logits."""
        x = self.first(self.constant.expand(len(style), -1, -1, -1, -1), style)
        for block in self.blocks:
            x = block(x, style)
        x = mirror_average(x) if self.symmetric else x
        return x, self.to_occupancy(x)


class OccupancyHead(nn.Module):
    """Feature volume to occupancy logits, at the same resolution or doubled as often as needed."""

    def __init__(self, settings: DecoderSettings) -> None:
        super().__init__()
        width = max(settings.feature_channels // 2, 4)
        self.doublings = int(math.log2(settings.occupancy_resolution // settings.feature_resolution))
        self.squeeze = nn.Conv3d(settings.feature_channels, width, 3, padding=1)
        self.doubled = nn.ModuleList(nn.Conv3d(width, width, 3, padding=1) for _ in range(self.doublings - 1))
        self.out = nn.Conv3d(width, 1, 3, padding=1)
        nn.init.constant_(self.out.bias, INITIAL_OCCUPANCY_LOGIT)

    def forward(self, features: Float[Tensor, "b c f f f"]) -> Float[Tensor, "b 1 o o o"]:
        """Logits."""
        x = scaled_leaky_relu(self.squeeze(features))
        for conv in self.doubled:
            x = scaled_leaky_relu(upsample_conv(x, conv.weight, conv.bias))
        return upsample_conv(x, self.out.weight, self.out.bias) if self.doublings else self.out(x)


class VoxelDecoder(nn.Module):
    """Voxel field from a backbone: ordinary convolutions, or the SE(3)-equivariant ones of section 2.4.

    ``symmetry``: ``features`` averages the feature volume with its mirror image in x, ``field`` the occupancy too.
    """

    def __init__(self, settings: DecoderSettings, latent_dim: int) -> None:
        super().__init__()
        self.symmetry = settings.symmetry
        self.mapping = MappingNetwork(latent_dim)
        self.backbone = _backbone(settings, latent_dim)

    def forward(self, latent: Float[Tensor, "b d"]) -> Field:
        """Decode latents to objects."""
        features, logits = map(at_least_float32, self.backbone(self.mapping(latent)))
        if self.symmetry != "none":
            features = mirror_average(features)
        if self.symmetry == "field":
            logits = mirror_average(logits)
        return VoxelField(torch.sigmoid(logits), features)


class TriplaneHead(nn.Module):
    """Aggregated plane feature of a point to its occupancy logit, and to its appearance."""

    def __init__(self, settings: DecoderSettings) -> None:
        super().__init__()
        planes, hidden = settings.plane_channels, settings.plane_hidden
        self.to_occupancy = nn.Sequential(nn.Linear(planes, hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, 1))
        self.to_features = nn.Sequential(
            nn.Linear(planes, hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, settings.feature_channels)
        )
        nn.init.constant_(self.to_occupancy[-1].bias, INITIAL_OCCUPANCY_LOGIT)

    def occupancy_logits(self, aggregated: Float[Tensor, "b n p"]) -> Float[Tensor, "b n"]:
        """Logits of the occupancy."""
        return self.to_occupancy(aggregated).squeeze(-1)

    def features(self, aggregated: Float[Tensor, "b n p"]) -> Float[Tensor, "b n c"]:
        """Appearance features."""
        return self.to_features(aggregated)


class TriplaneDecoder(nn.Module):
    """Three planes from a StyleGAN2 decoder in two dimensions (section 2.3)."""

    def __init__(self, settings: DecoderSettings, latent_dim: int) -> None:
        super().__init__()
        self.symmetric = settings.symmetry != "none"
        self.voxel_size = 1.0 / settings.occupancy_resolution
        self.plane_channels = settings.plane_channels
        channels = _channel_plan(settings.base_channels, 3 * settings.plane_channels, settings.plane_resolution)
        self.mapping = MappingNetwork(latent_dim)
        self.constant = nn.Parameter(torch.randn(1, channels[0], *[CONSTANT_RESOLUTION] * 2))
        self.first = StyleBlock(2, channels[0], channels[0], latent_dim, upsample=False)
        self.blocks = nn.ModuleList(
            StyleBlock(2, narrow, wide, latent_dim) for narrow, wide in itertools.pairwise(channels)
        )
        self.to_planes = nn.Conv2d(channels[-1], 3 * settings.plane_channels, 1)
        self.head = TriplaneHead(settings)

    def forward(self, latent: Float[Tensor, "b d"]) -> Field:
        """Decode latents to objects."""
        style = self.mapping(latent)
        x = self.first(self.constant.expand(len(style), -1, -1, -1), style)
        for block in self.blocks:
            x = block(x, style)
        planes = at_least_float32(self.to_planes(x)).unflatten(1, (3, self.plane_channels))
        return TriplaneField(mirror_average_planes(planes) if self.symmetric else planes, self.head, self.voxel_size)


def build_decoder(settings: DecoderSettings, latent_dim: int) -> nn.Module:
    """The decoder of a representation."""
    return (
        TriplaneDecoder(settings, latent_dim)
        if settings.representation == "triplane"
        else VoxelDecoder(settings, latent_dim)
    )


def _backbone(settings: DecoderSettings, latent_dim: int) -> nn.Module:
    if settings.representation != "se3":
        return VoxelBackbone(settings, latent_dim)
    from shelfnet.networks.equivariant import EquivariantDecoder

    return EquivariantDecoder(settings, latent_dim)


def _channel_plan(base: int, last: int, resolution: int) -> list[int]:
    """Channels from 4 cells a side to ``resolution``: halved at every doubling, ending at ``last``."""
    doublings = int(math.log2(resolution // CONSTANT_RESOLUTION))
    return [max(base >> step, last) for step in range(doublings)] + [last] if doublings else [last]
